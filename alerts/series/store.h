// The in-memory store of time series: what rules look back over.
//
// A writer's batch is a row of its block (alerts/series/block.h): values by column, one time for
// all. What fits no row lies in a column of its own (alerts/series/column.h). Every batch is
// committed under a number, and a reader sees those up to the newest one when it came.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "alerts/series/gate.h"
#include "alerts/series/queryable.h"
#include "alerts/series/sample.h"
#include "alerts/series/series_table.h"
#include "alerts/series/source.h"
#include "base/batch.h"

namespace tierwatch::series {

class SnapshotWriter;
struct BlockImage;
struct ColumnImage;

struct StoreOptions {
  Labels self_labels;           // added to every series of a batch where absent
  Millis retention{7'200'000};  // 0 = for ever
  std::size_t max_bytes = 0;    // 0 = no limit; else Prune drops the oldest samples until they fit
  std::size_t max_series = 10'000'000;  // series beyond are refused and counted
};

struct StoreStats {
  std::size_t series = 0;
  std::size_t samples = 0;
  std::size_t bytes = 0;         // all of the following
  std::size_t index_bytes = 0;   // labels, their texts, the inverted index
  std::size_t tail_bytes = 0;    // rows that lie open
  std::size_t sealed_bytes = 0;  // packed rows
  std::size_t loose_bytes = 0;   // columns outside of blocks
  std::size_t sealed_samples = 0;
  std::uint64_t refused = 0;            // samples out of order, or of series over max_series
  std::uint64_t dropped_for_bytes = 0;  // samples younger than the retention that had to go
};

/// Thread-safe. A reader sees a batch whole or not at all, waits for no writer's work and holds no
/// lock that a writer of known series needs. Batches of one source are taken one at a time.
class Store final : public Queryable {
 public:
  explicit Store(StoreOptions options = {});
  ~Store() override;
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  /// Takes a target's batch as a scrape of its exposition would give it: labels are the metric's
  /// own, then those of the target, then self_labels, where absent; histograms and summaries become
  /// their series. Series that the target's last batch had and this one doesn't are marked stale. A
  /// batch shaped like the last one hashes no label.
  void Append(const Batch& batch);
  /// Takes samples of any time and labels, whole: a rule's results, a remote write. `source` names
  /// the writer: samples of one time are taken like a batch, fastest where it is shaped like the
  /// source's last one. Stale markers are the caller's (StaleMarker()).
  void Append(std::string_view source, std::span<const Sample> samples);
  /// Likewise samples of one time, within the year 287396; says which it didn't take and why. One
  /// that the store has already, of the same value, is none of them.
  std::vector<RefusedSample> Append(std::string_view source, std::span<const SampleView> samples);
  /// The target is gone: its series are marked stale, right after their last sample.
  void Forget(std::string_view collector, const Labels& target_labels);

  /// The clock was set by `by`: what targets and rules gave was sampled that much later. Samples
  /// that others sent, with times of their own clocks, stay; so do histograms.
  void ShiftTimes(Millis by);

  /// Applies retention by time and by bytes and forgets series without samples. Call it every
  /// minute or so.
  void Prune(TimestampMs now);

  /// Writes all samples to a file, at once or not at all; the store goes on working meanwhile.
  Result<void> WriteSnapshot(const std::string& path) const;
  /// Takes what a snapshot kept, so that each source goes on with its series. To be called before
  /// anything is appended. No file is no error. One that is damaged or no snapshot is renamed to
  /// `path`.damaged, and nothing is taken of it.
  Result<void> ReadSnapshot(const std::string& path);
  /// Likewise from an open file, which stays where it is.
  Result<void> ReadSnapshot(std::FILE* file);

  std::unique_ptr<View> Open(Interrupt interrupt = {}) const override;

  /// Label sets of the series that match any of `sets` (all series where there is none) and have a
  /// sample in the window.
  std::vector<Labels> Series(std::span<const std::vector<Matcher>> sets, TimestampMs from,
                             TimestampMs to) const;
  std::vector<std::string> LabelNames() const;
  std::vector<std::string> LabelValues(std::string_view name) const;
  StoreStats Stats() const;
  /// When the newest batch was sampled; 0 where there is none.
  TimestampMs NewestTime() const;

 private:
  /// What a sample has besides its value.
  struct Extra {
    TimestampMs time = 0;
    const HistogramPtr* histogram = nullptr;
    TimestampMs start_time = 0;
  };
  /// Values of one time, and what else they have where that may be more.
  struct Values {
    TimestampMs time = 0;
    std::span<const double> values;
    std::span<const Extra> extras{};
  };

  /// The source of a key, locked; made where there is none.
  std::pair<std::shared_ptr<Source>, std::unique_lock<std::mutex>> Lock(const std::string& key);
  template <class AnySample>
  std::vector<RefusedSample> AppendOfOneTime(std::string_view source,
                                             std::span<const AnySample> samples);
  template <class AnySample>
  std::vector<RefusedSample> Reasons(std::span<const NoRoute> refused,
                                     std::span<const AnySample> samples) const;
  void AppendLoose(std::span<const Sample> samples);
  /// What was not taken.
  std::vector<NoRoute> Write(Source& source, const Values& values);
  std::uint64_t CommitLoose(const Source& source, const Values& values, std::uint64_t commit,
                            std::vector<NoRoute>& refused);

  void PutBlocks(const std::string& key, Source& source, SnapshotWriter& writer) const;
  void PutColumns(SnapshotWriter& writer) const;
  void Restore(BlockImage& image);
  void Restore(const ColumnImage& image, std::uint64_t commit);

  std::vector<std::shared_ptr<Source>> Sources() const;
  std::uint64_t DropBefore(TimestampMs horizon);
  void DropRows(Source& source, TimestampMs horizon, std::uint64_t& dropped);
  void RemoveSeries(Source& source, const std::vector<SeriesId>& ids);
  void DropColumns(TimestampMs horizon, std::uint64_t& dropped);
  void RetireSources(TimestampMs now);
  TimestampMs Oldest() const;
  void RenewSymbols();

  const StoreOptions options_;
  // Views and whoever numbers texts are inside; while nobody is, texts may be numbered anew.
  mutable Gate symbols_gate_;
  std::shared_ptr<Symbols> symbols_ = std::make_shared<Symbols>();
  // A source's lock is taken before any of these, and none of them is held over I/O.
  mutable std::mutex sources_mutex_;
  std::map<std::string, std::shared_ptr<Source>, std::less<>> sources_;
  mutable std::shared_mutex table_mutex_;
  SeriesTable table_;
  std::mutex commit_mutex_;  // for the moment in which a batch is shown
  std::atomic<std::uint64_t> committed_ = 0;
  std::atomic<std::size_t> samples_ = 0;
  std::atomic<std::uint64_t> refused_ = 0;
  std::atomic<std::uint64_t> dropped_for_bytes_ = 0;
};

}  // namespace tierwatch::series
