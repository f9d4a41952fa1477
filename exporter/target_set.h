// The targets that are watched now: those of the configuration, and the members that they name.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "exporter/connection_watch.h"
#include "exporter/membership.h"
#include "exporter/runner.h"
#include "exporter/scheduler.h"

namespace tierwatch {

/// Each target is a runner and a job of the scheduler. They come and go while others are sampled: a
/// member is sampled as soon as it is named, one that is named no more is forgotten when its
/// sampling has ended. Thread-safe.
class TargetSet {
 public:
  /// Everything must outlive the set. `forget` takes the series of a target that went.
  struct Wiring {
    const Clock& clock;
    const std::vector<BatchSink>& sinks;
    Logger& logger;
    ConnectionWatch& connections;
    Scheduler& scheduler;
    std::function<void(const std::string& collector, const Labels& target_labels)> forget;
  };

  explicit TargetSet(Wiring wiring) : wiring_(std::move(wiring)) {}
  /// Stops the scheduler: its jobs are the set's.
  ~TargetSet();
  TargetSet(const TargetSet&) = delete;
  TargetSet& operator=(const TargetSet&) = delete;

  void Add(WatchedTarget target);
  std::vector<TargetStatus> Status() const;
  std::size_t size() const;

 private:
  /// collector, service, target.
  using Identity = std::array<std::string, 3>;
  struct Watched {
    std::shared_ptr<TargetRunner> runner;
    JobId job = 0;
    const Membership* member_of = nullptr;  // null: of the configuration
  };
  using Watches = std::map<Identity, Watched>;

  static Identity IdentityOf(const WatchedTarget& target);
  void Start(WatchedTarget target, const Membership* member_of);
  void Told(Membership& membership, const std::string& source,
            const std::optional<Members>& members);
  std::vector<Watched> Follow(const Membership& membership,
                              const std::vector<std::string>& addresses);
  void Remove(Watched watched);

  const Wiring wiring_;
  mutable std::mutex mutex_;  // guards all below and the memberships
  Watches targets_;
};

}  // namespace tierwatch
