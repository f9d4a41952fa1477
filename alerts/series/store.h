// The in-memory store of time series: what rules look back over.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <shared_mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "alerts/series/column.h"
#include "alerts/series/index.h"
#include "alerts/series/queryable.h"
#include "alerts/series/sample.h"
#include "base/batch.h"

namespace tierwatch::series {

struct StoreOptions {
  Labels self_labels;           // added to every series of a batch where absent
  Millis retention{7'200'000};  // 0 = for ever
  std::size_t max_bytes = 0;    // 0 = no limit; else Prune drops the oldest samples until they fit
  std::size_t max_series = 10'000'000;  // series beyond are refused and counted
};

struct StoreStats {
  std::size_t series = 0;
  std::size_t samples = 0;
  std::size_t bytes = 0;
  std::uint64_t refused = 0;  // samples out of order, or of series over max_series
};

/// Thread-safe. A reader sees a batch whole or not at all; it copies what it asked for and holds no
/// lock afterwards. Each source (a target, a rule group) has one writer at a time.
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
  /// the writer and has its series kept; stale markers are the caller's (StaleMarker()).
  void Append(std::string_view source, std::span<const Sample> samples);
  /// The target is gone: its series are marked stale, right after their last sample.
  void Forget(std::string_view collector, const Labels& target_labels);

  /// Applies retention by time and by bytes and forgets series without samples. Call it every
  /// minute or so.
  void Prune(TimestampMs now);

  std::unique_ptr<View> Open(Interrupt interrupt = {}) const override;

  /// Label sets of the series that match any of `sets` (all series where there is none) and have a
  /// sample in the window.
  std::vector<Labels> Series(std::span<const std::vector<Matcher>> sets, TimestampMs from,
                             TimestampMs to) const;
  std::vector<std::string> LabelNames() const;
  std::vector<std::string> LabelValues(std::string_view name) const;
  StoreStats Stats() const;

 private:
  struct Entry;   // one series
  struct Source;  // what a target's last batch was like
  class StoreView;

  // All of these expect the lock to be held.
  SeriesId Intern(Labels labels);  // kNoSeries where max_series forbids another one
  void Remove(SeriesId id);
  void AppendTo(SeriesId id, const Sample& sample);
  void End(SeriesId id, TimestampMs time);
  void Hold(const std::vector<SeriesId>& ids, int count);
  void Reshape(Source& source, const Batch& batch);
  std::vector<SeriesId> Find(std::span<const Matcher> matchers) const;
  void DropBefore(TimestampMs horizon);

  const StoreOptions options_;
  const std::shared_ptr<Symbols> symbols_ = std::make_shared<Symbols>();
  mutable std::shared_mutex mutex_;              // guards all below; never held over I/O
  std::vector<std::unique_ptr<Entry>> entries_;  // by id; null where free
  std::vector<SeriesId> free_ids_;
  std::unordered_multimap<std::uint64_t, SeriesId> by_fingerprint_;
  Index index_;
  std::map<std::string, Source, std::less<>> sources_;
  std::uint64_t epoch_ = 1;
  StoreStats stats_;
};

}  // namespace tierwatch::series
