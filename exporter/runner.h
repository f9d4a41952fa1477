// Samples one target: measures, counts, tells when its state changes, and publishes what came as a
// Batch.
#pragma once

#include <prometheus/collectable.h>

#include <array>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "base/batch.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"
#include "collectors/collector.h"
#include "exporter/connection_watch.h"
#include "exporter/series_limit.h"

namespace tierwatch {

/// Takes every published batch. Called from many threads at once.
using BatchSink = std::function<void(const BatchPtr&)>;

/// What is watched, how often and for how long.
struct WatchedTarget {
  std::string collector;  // the stem
  Labels labels;          // service, target and the entry's own
  Millis interval{15'000};
  Millis timeout{10'000};
  std::string settings{};  // what it was made from: equal where nothing changed
  std::string entry{};     // the settings of the DiscoveredEntry that it is of; "": of none
  std::size_t max_series = 20'000;
  std::unique_ptr<Collector> source{};

  /// The same without a source.
  WatchedTarget Copy() const;

  /// The same in every process: what the phase of the target is made from.
  std::uint64_t Hash() const;
};

/// What is known of a target, for the overview page, the HTTP API and /-/ready.
struct TargetStatus {
  std::string collector;
  Labels labels;
  bool sampled = false;  // at least once, whatever came of it
  bool up = false;
  TimestampMs last_success = 0;  // 0: never
  std::vector<Error> errors;     // of the last sampling
  TimestampMs last_sampled = 0;  // 0: never
  double last_duration_seconds = 0;
  Millis interval{0};
  Millis timeout{0};
  std::shared_ptr<const std::vector<StatementText>> statement_texts;  // null: none
};

/// The metrics that every target has besides its collector's.
std::span<const MetricInfo> TargetMetrics();

/// Thread-safe; Sample is called by one thread at a time. A collector that throws is a target that
/// is down.
///
/// A target that hangs up between samples may be gone: it is sampled at once, and what came of it
/// is judged at once. Where it did turn, both are done again a second later, when others have
/// noticed, too. At most once a second; once a minute where it was nothing: servers close what
/// idles.
class TargetRunner {
 public:
  TargetRunner(WatchedTarget target, const Clock& clock, std::vector<BatchSink> sinks,
               Logger& logger);
  ~TargetRunner();

  /// Before the first Sample: `sample_at` asks for one, from the watch's thread. The watch outlives
  /// the runner.
  void WatchConnections(ConnectionWatch& watch, std::function<void(SteadyTime)> sample_at);
  /// Likewise: who is told after each sample of the members that it named, by the thread that
  /// samples.
  void TellMembers(std::function<void(const std::optional<Members>&)> tell) {
    tell_members_ = std::move(tell);
  }
  void Sample(std::stop_token stop);
  /// A slot came while the last sampling went on.
  void CountSkipped();
  TargetStatus status() const;
  const WatchedTarget& target() const { return target_; }

 private:
  enum class State { kNew, kUp, kPartly, kDown };

  tierwatch::Sample Collect(const SampleContext& context);
  void HungUp();
  void LookAgain();
  void AfterSample(const SampleContext& context);
  /// True where rules should look at once.
  bool Record(const tierwatch::Sample& sample, TimestampMs now, double seconds);
  std::vector<DroppedFamily> Limit(tierwatch::Sample& sample);
  void AppendOwnFamilies(std::vector<prometheus::MetricFamily>& families, double seconds,
                         const std::vector<DroppedFamily>& dropped) const;
  void TellChange(State now, const std::vector<Error>& errors);

  const WatchedTarget target_;
  const Clock& clock_;
  const std::vector<BatchSink> sinks_;
  Logger& logger_;
  ConnectionWatch* watch_ = nullptr;
  std::function<void(SteadyTime)> sample_at_;
  std::function<void(const std::optional<Members>&)> tell_members_;
  SeriesLimit limit_{target_.max_series};  // of the thread that samples

  mutable std::mutex mutex_;  // guards all below
  State state_ = State::kNew;
  TimestampMs last_success_ = 0;
  TimestampMs last_sampled_ = 0;
  double last_duration_seconds_ = 0;
  std::vector<Error> errors_;
  std::shared_ptr<const std::vector<StatementText>> statement_texts_;
  std::array<double, 9> errors_by_reason_{};  // indexed by Reason
  double skipped_ = 0;
  double hang_ups_ = 0;
  bool hung_up_ = false;     // since the last sample
  bool look_again_ = false;  // at quiet_until_
  SteadyTime quiet_until_ = SteadyTime::min();
};

/// tierwatch's own registries as a batch: collector "self", no target labels, each family name
/// once.
BatchPtr SampleSelf(std::span<const std::shared_ptr<const prometheus::Collectable>> registries,
                    const Clock& clock);

}  // namespace tierwatch
