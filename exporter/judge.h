// Judges what was sampled and tells people: the series store, the rules and the notifier, wired
// together.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/registry.h>

#include <functional>
#include <memory>
#include <shared_mutex>
#include <span>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "alerts/notify/notifier.h"
#include "alerts/promql/promql.h"
#include "alerts/rules/alert_store.h"
#include "alerts/rules/evaluator.h"
#include "alerts/series/store.h"
#include "base/batch.h"
#include "base/metric.h"
#include "exporter/config.h"
#include "exporter/snapshot_keeper.h"
#include "exporter/timeline.h"

namespace tierwatch {

/// tierwatch_clock_…, tierwatch_state_database_…
std::span<const MetricInfo> JudgeMetrics();

/// Thread-safe. Rules are evaluated in their slots on threads of its own, from when `ready` first
/// says so to destruction, which gives the notifier a few seconds to send what is owed. With a
/// storage path alerts and samples outlive the process, in `state.db` and `samples`; a damaged file
/// is set aside.
class Judge {
 public:
  /// Groups of rules that are evaluated at once; a slow one holds up no more than its own thread.
  static constexpr int kThreads = 4;

  /// Takes rules and alerting out of `config`; the rest of the arguments must outlive it.
  /// `ready`: that there is something to judge. Until then an alert of a former process stays what
  /// it was; where samples also come by remote write, and the last ones are old, for a minute more.
  Judge(
      Config& config, Timeline& timeline, Logger& logger, prometheus::Registry& registry,
      std::function<bool()> ready = [] { return true; });
  ~Judge();
  /// Evaluates no more, asks no more whether all is ready, and tells what is owed as far as it can.
  void Stop();
  Judge(const Judge&) = delete;
  Judge& operator=(const Judge&) = delete;

  /// Keeps a batch for rules and queries. Where the target went or came, rules that look at it are
  /// evaluated at once.
  void Append(const BatchPtr& batch);
  /// The target is watched no more.
  void Forget(std::string_view collector, const Labels& target_labels);
  /// Goes on with other rules; alerts of rules that stay go on as well.
  void ReplaceRules(std::vector<RuleGroup> rules) { evaluator_.Replace(std::move(rules)); }

  Result<promql::Vector> Instant(std::string_view expr, TimestampMs time) const;
  Result<promql::Matrix> Range(std::string_view expr, TimestampMs start, TimestampMs end,
                               Millis step) const;
  /// Pending and firing alerts as of the last evaluation.
  std::vector<Alert> Alerts() const { return evaluator_.Alerts(); }
  std::vector<GroupStatus> Groups() const { return evaluator_.Groups(); }

  Notifier& notifier() { return notifier_; }
  /// Why somebody may not be paged who should be: "" where rules are evaluated in time and what is
  /// owed can be kept.
  std::string Ailment() const;
  const series::Store& store() const { return store_; }
  series::Store& store() { return store_; }
  const promql::Engine& engine() const { return engine_; }

 private:
  struct Instruments;

  std::unique_ptr<AlertStore> OpenStates(const std::string& folder);
  TimestampMs SettledAt(bool remote_write) const;
  void Tend(const std::stop_token& stop);
  void FollowClock();

  Timeline& timeline_;
  const TimestampMs started_ = timeline_.Now();
  Logger& logger_;
  const std::function<bool()> ready_;
  const std::unique_ptr<Instruments> instruments_;
  // Taken by whoever stamps and keeps a sample, and alone by whoever sets the timeline.
  std::shared_mutex stamping_;
  series::Store store_;
  const std::unique_ptr<SnapshotKeeper> snapshots_;  // its last one has what the threads gave
  const promql::Engine engine_;
  const std::unique_ptr<AlertStore> states_;
  Notifier notifier_;
  RuleEvaluator evaluator_;
  std::vector<std::jthread> workers_;  // begun by tending_
  std::jthread tending_;
};

}  // namespace tierwatch
