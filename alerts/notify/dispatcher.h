// Groups alerts by route, waits as the route says, and decides what each integration has to be
// told.
#pragma once

#include <compare>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "alerts/notify/config.h"
#include "alerts/notify/ledger.h"
#include "alerts/receivers/integration.h"
#include "base/clock.h"

namespace tierwatch {

/// What an integration was last told about a group: Alertmanager's notification log. Fingerprints
/// of alerts.
struct Told {
  std::set<std::uint64_t> firing;
  std::set<std::uint64_t> resolved;
  SteadyTime at;
  SteadyTime seen;  // when it was last decided whether to tell: what ended before is settled
};

/// Whether an integration has to be told of a group that now has these alerts, and why. `told` is
/// nullptr where it was told nothing yet. Source: Alertmanager's DedupStage.
NotifyReason ReasonToNotify(const Told* told, const std::set<std::uint64_t>& firing,
                            const std::set<std::uint64_t>& resolved, bool send_resolved,
                            Millis repeat_interval, SteadyTime now);

/// Alertmanager's order of alerts in a notification: `job`, `instance`, then all labels.
bool AlertBefore(const Labels& a, const Labels& b);

/// What is known of an alert after it was told anew: for alerts of other processes whose times
/// overlap, the earliest start and the latest end that was told. Source: Alertmanager's
/// Alert.Merge and provider/mem.
Alert MergeAlerts(const Alert& old, const Alert& fresh);

struct DispatcherParts {
  const NotifyConfig& config;
  std::string external_url;
  const Clock& clock;
  Ledger& ledger;                            // is told every change, is never asked
  std::function<void(Notification)> emit;    // takes over each notification; may not call back
  std::function<bool(const Labels&)> muted;  // by a silence, now
};

/// Driven from outside: by Put and RunDue. Not thread-safe. Alerts of this process's rules stay
/// firing until they are put as resolved: nobody can forget to renew them. Those of other processes
/// are resolved where their time has come when their group is looked at.
class Dispatcher {
 public:
  /// What is referred to must outlive it.
  explicit Dispatcher(DispatcherParts parts);

  /// Takes up groups, timers and alerts where an earlier process left them, as far as the
  /// configuration still has them. Its firing alerts are resolved where nobody puts them anew for
  /// `patience`.
  void Restore(LedgerContents contents, Millis patience);
  /// A group's key and the fingerprint of an alert that has left it.
  using Moved = std::set<std::pair<std::string, std::uint64_t>>;
  /// Takes up where another dispatcher of this process is, under another configuration: timers of
  /// groups go on, what was told stays told. Alerts that are in other groups now are told by those.
  Moved TakeOver(Dispatcher&& former);

  /// Sorts alerts into their groups; firing and resolved ones only, others are left out.
  void Put(const std::vector<Alert>& alerts);
  /// Tells what is due. The time of the next thing to do, SteadyTime::max() where there is none.
  SteadyTime RunDue();
  /// `queue` can't be told about the group: its route's fallback is told too, at once and for as
  /// long as the group lives.
  void FallBack(const std::string& queue, const std::string& group_key);
  /// As long as a queue is away, the fallbacks of its routes are told at the same time.
  void SetAway(const std::string& queue, bool away);

  std::size_t group_count() const { return groups_.size(); }
  /// One in two groups counts twice.
  std::size_t alert_count() const;

  /// A group as it is shown to people.
  struct Shown {
    std::string receiver;
    std::string key;
    Labels labels;
    std::vector<Alert> alerts;
  };
  std::vector<Shown> Groups() const;

 private:
  struct Member {
    Alert alert;
    bool confirmed = true;  // put by this process, not only restored
  };
  struct Group {
    const Route* route = nullptr;
    Labels labels;
    std::string key;
    std::map<Labels, Member> members;
    SteadyTime next;
    bool flushed = false;
    bool fell_back = false;
  };
  using GroupKey = std::pair<const Route*, Labels>;
  struct Past {
    std::string group_key;
    Member member;
  };

  Moved Regroup(const std::vector<Past>& past, const std::map<std::string, GroupRecord>& groups);
  std::vector<const Route*> MatchingRoutes(const Labels& labels) const;
  Group& GroupOf(const Route& route, const Alert& alert);
  Group& Insert(const Route& route, const Alert& alert, bool confirmed);
  bool IsKnown(const Group& group) const;
  bool IsAway(const Route& route) const;
  void Flush(Group& group);
  void EndOverdue(Group& group);
  void TellReceiver(const Group& group, const std::vector<const Alert*>& alerts,
                    const std::string& name);
  bool IsMutedNow(const Route& route) const;
  void Tell(const Group& group, const std::vector<const Alert*>& alerts,
            const Integration& integration);
  void Remember(const std::pair<std::string, std::string>& key, Told told);
  void ResolveForgotten(SteadyTime now);
  void ForgetOldTold(SteadyTime now);
  TimestampMs Wall(SteadyTime time) const;
  SteadyTime Steady(TimestampMs time) const;
  void Keep(const Group& group);

  const DispatcherParts parts_;
  Inhibitor inhibitor_;
  std::map<std::string, const Receiver*> receivers_;
  std::map<GroupKey, Group> groups_;
  std::map<std::pair<std::string, std::string>, Told> told_;  // by integration and group key
  std::set<std::string> away_;                                // queues
  SteadyTime resolve_forgotten_at_ = SteadyTime::max();
  SteadyTime forget_told_at_;
};

}  // namespace tierwatch
