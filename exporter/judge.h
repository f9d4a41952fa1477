// Judges what was sampled and tells people: the series store, the rules and the notifier, wired
// together.
#pragma once

#include <prometheus/registry.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

#include "alerts/notify/notifier.h"
#include "alerts/promql/promql.h"
#include "alerts/rules/evaluator.h"
#include "alerts/series/store.h"
#include "base/batch.h"
#include "exporter/config.h"
#include "exporter/snapshot_keeper.h"

namespace tierwatch {

/// Thread-safe. Rules are evaluated in their slots on a thread of its own, from construction to
/// destruction, which gives the notifier a few seconds to send what is owed.
class Judge {
 public:
  /// Takes rules and alerting out of `config`; the rest of the arguments must outlive it.
  Judge(Config& config, const Clock& clock, Logger& logger, prometheus::Registry& registry);
  ~Judge();
  Judge(const Judge&) = delete;
  Judge& operator=(const Judge&) = delete;

  /// Keeps a batch for rules and queries.
  void Append(const Batch& batch) { store_.Append(batch); }

  Result<promql::Vector> Instant(std::string_view expr, TimestampMs time) const;
  Result<promql::Matrix> Range(std::string_view expr, TimestampMs start, TimestampMs end,
                               Millis step) const;
  /// Pending and firing alerts as of the last evaluation.
  std::vector<Alert> Alerts() const { return evaluator_.Alerts(); }

  Notifier& notifier() { return notifier_; }
  /// Why somebody may not be paged who should be: "" where rules are evaluated in time and what is
  /// owed can be kept.
  std::string Ailment() const;
  const series::Store& store() const { return store_; }
  const promql::Engine& engine() const { return engine_; }

 private:
  void Run(const std::stop_token& stop);

  const Clock& clock_;
  const TimestampMs started_ = clock_.Now();
  series::Store store_;
  const std::unique_ptr<SnapshotKeeper> snapshots_;  // its last one has what the thread gave
  const promql::Engine engine_;
  Notifier notifier_;
  RuleEvaluator evaluator_;  // RunDue is the thread's alone
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread thread_;
};

}  // namespace tierwatch
