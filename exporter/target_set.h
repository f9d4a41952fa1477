// The targets that are watched, as they come and go while the process runs.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "exporter/connection_watch.h"
#include "exporter/runner.h"
#include "exporter/scheduler.h"

namespace tierwatch {

/// What targets need; all of it outlives the set.
struct TargetSetParts {
  const Clock& clock;
  Logger& logger;
  Scheduler& scheduler;
  ConnectionWatch& connections;
  std::vector<BatchSink> sinks;
  /// A target is watched no more: its last batch is to be forgotten.
  std::function<void(const WatchedTarget&)> forget;
  /// What a sample of a target named. Called by the thread that samples it.
  std::function<void(const WatchedTarget&, const std::optional<Members>&)> members =
      [](const auto&, const auto&) {};
};

/// Who said that a target is to be watched.
enum class Origin { kListed, kDiscovered };

/// Thread-safe. The set ends before the scheduler and the connections do.
class TargetSet {
 public:
  explicit TargetSet(TargetSetParts parts) : parts_(std::move(parts)) {}
  ~TargetSet();

  /// Watches these and no others of `origin`; what two origins name is the first one's. One that is
  /// watched already, under the same settings, goes on untouched: its connection, counters and
  /// slots stay. A new one is sampled soon. One that is not among them is asked to stop, waited for
  /// and forgotten. Not for the thread of a target.
  void Watch(Origin origin, std::vector<WatchedTarget> targets);

  std::vector<TargetStatus> statuses() const;
  std::size_t size() const;
  /// Whether each was sampled at least once.
  bool AllSampled() const;

 private:
  struct Watched {
    explicit Watched(Origin from, std::unique_ptr<TargetRunner> watches)
        : origin(from), runner(std::move(watches)) {}
    const Origin origin;
    const std::unique_ptr<TargetRunner> runner;
    std::atomic<JobId> job = kNoJob;
  };
  using Key = std::pair<std::string, Labels>;  // collector and labels: a target's identity

  std::unique_ptr<Watched> Begin(Origin origin, WatchedTarget target);

  const TargetSetParts parts_;
  std::mutex changing_;  // one change at a time; held while targets are waited for
  mutable std::mutex mutex_;
  std::map<Key, std::unique_ptr<Watched>> watched_;  // guarded by mutex_, changed under changing_
};

}  // namespace tierwatch
