// Groups alerts by route, waits as the route says, and decides what each integration has to be
// told.
#pragma once

#include <compare>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "alerts/notify/config.h"
#include "alerts/receivers/integration.h"
#include "base/clock.h"

namespace tierwatch {

/// What an integration was last told about a group: Alertmanager's notification log. Fingerprints
/// of alerts.
struct Told {
  std::set<std::uint64_t> firing;
  std::set<std::uint64_t> resolved;
  SteadyTime at;
};

/// Whether an integration has to be told of a group that now has these alerts, and why. `told` is
/// nullptr where it was told nothing yet. Source: Alertmanager's DedupStage.
NotifyReason ReasonToNotify(const Told* told, const std::set<std::uint64_t>& firing,
                            const std::set<std::uint64_t>& resolved, bool send_resolved,
                            Millis repeat_interval, SteadyTime now);

/// Alertmanager's order of alerts in a notification: `job`, `instance`, then all labels.
bool AlertBefore(const Labels& a, const Labels& b);

/// Driven from outside: by Put and RunDue. Not thread-safe. Alerts stay firing until they are put
/// as resolved: they live in the same process as their rules, so nobody can forget to renew them.
class Dispatcher {
 public:
  using Emit = std::function<void(const Notification&, const Integration&)>;

  /// `config` and `clock` must outlive it. `emit` takes over each notification; it may not call
  /// back.
  Dispatcher(const NotifyConfig& config, std::string external_url, const Clock& clock, Emit emit);

  /// Sorts alerts into their groups; firing and resolved ones only, others are left out.
  void Put(const std::vector<Alert>& alerts);
  /// Tells what is due. The time of the next thing to do, SteadyTime::max() where there is none.
  SteadyTime RunDue();

  std::size_t group_count() const { return groups_.size(); }

 private:
  struct Group {
    const Route* route = nullptr;
    Labels labels;
    std::string key;
    std::map<Labels, Alert> alerts;
    SteadyTime next;
    bool flushed = false;
  };
  using GroupKey = std::pair<const Route*, Labels>;

  void Insert(const Route& route, const Alert& alert);
  void Flush(Group& group);
  void Tell(const Group& group, const std::vector<const Alert*>& alerts,
            const Integration& integration);

  const NotifyConfig& config_;
  const std::string external_url_;
  const Clock& clock_;
  const Emit emit_;
  std::map<std::string, const Receiver*> receivers_;
  std::map<GroupKey, Group> groups_;
  std::map<std::pair<std::string, std::string>, Told> told_;  // by integration and group key
};

}  // namespace tierwatch
