#include "alerts/notify/dispatcher.h"

#include <algorithm>

namespace tierwatch {
namespace {

bool IsSubset(const std::set<std::uint64_t>& part, const std::set<std::uint64_t>& whole) {
  return std::includes(whole.begin(), whole.end(), part.begin(), part.end());
}

// model.LabelSet.Before: fewer labels first; then the first name that one lacks or whose values
// differ decides.
bool LabelsBefore(const Labels& a, const Labels& b) {
  if (a.size() != b.size()) return a.size() < b.size();
  const auto [x, y] = std::mismatch(a.begin(), a.end(), b.begin());
  if (x == a.end()) return false;
  if (x->name == y->name) return x->value < y->value;
  // The smaller name is the one that the other set lacks; lacking it comes first.
  return y->name < x->name;
}

// Whether an integration of the route's receiver has the queue.
bool IsOf(std::string_view queue, const Route& route) {
  return queue.starts_with(route.receiver + "/");
}

// How long it is remembered that a group has ended: longer than rules hand over what is resolved.
constexpr Millis kRememberEnd = std::chrono::hours(1);
constexpr Millis kForgetEvery = std::chrono::minutes(1);

}  // namespace

NotifyReason ReasonToNotify(const Told* told, const std::set<std::uint64_t>& firing,
                            const std::set<std::uint64_t>& resolved, bool send_resolved,
                            Millis repeat_interval, SteadyTime now) {
  if (told == nullptr) return firing.empty() ? NotifyReason::kNone : NotifyReason::kFirst;
  if (!IsSubset(firing, told->firing))
    return told->firing.empty() ? NotifyReason::kFirst : NotifyReason::kNewAlerts;
  // What fired and resolved between two notifications is not told: the receiver never knew.
  if (firing.empty())
    return told->firing.empty() ? NotifyReason::kNone : NotifyReason::kAllResolved;
  if (send_resolved && !IsSubset(resolved, told->resolved)) return NotifyReason::kSomeResolved;
  return told->at < now - repeat_interval ? NotifyReason::kRepeat : NotifyReason::kNone;
}

bool AlertBefore(const Labels& a, const Labels& b) {
  for (const std::string_view name : {"job", "instance"}) {
    if (!a.Has(name) && !b.Has(name)) continue;
    if (a.Has(name) != b.Has(name)) return a.Has(name);
    if (a.Get(name) != b.Get(name)) return a.Get(name) < b.Get(name);
  }
  return LabelsBefore(a, b);
}

Alert MergeAlerts(const Alert& old, const Alert& fresh) {
  if (fresh.ending == AlertEnding::kByRule || old.ending == AlertEnding::kByRule) return fresh;
  const auto end = [](const Alert& alert) {
    return alert.state == AlertState::kResolved ? alert.resolved_at : alert.valid_until;
  };
  const auto within = [&](TimestampMs time) { return time > old.fired_at && time < end(old); };
  if (!within(end(fresh)) && !within(fresh.fired_at)) return fresh;
  Alert merged = fresh;
  merged.fired_at = std::min(old.fired_at, fresh.fired_at);
  if (fresh.state == AlertState::kResolved) {
    if (old.state == AlertState::kResolved)
      merged.resolved_at = std::max(old.resolved_at, fresh.resolved_at);
  } else if (old.ending == AlertEnding::kTold && end(old) > end(fresh)) {
    merged.valid_until = end(old);
    merged.ending = AlertEnding::kTold;
  }
  return merged;
}

Dispatcher::Dispatcher(DispatcherParts parts)
    : parts_(std::move(parts)),
      inhibitor_(parts_.config.inhibit_rules),
      forget_told_at_(parts_.clock.Steady() + kForgetEvery) {
  for (const Receiver& receiver : parts_.config.receivers) receivers_[receiver.name] = &receiver;
}

TimestampMs Dispatcher::Wall(SteadyTime time) const {
  return parts_.clock.Now() +
         std::chrono::duration_cast<Millis>(time - parts_.clock.Steady()).count();
}
SteadyTime Dispatcher::Steady(TimestampMs time) const {
  return parts_.clock.Steady() + Millis{time - parts_.clock.Now()};
}

void Dispatcher::Put(const std::vector<Alert>& alerts) {
  for (const Alert& alert : alerts) {
    if (alert.state != AlertState::kFiring && alert.state != AlertState::kResolved) continue;
    inhibitor_.Put(alert);
    for (const Route* route : MatchingRoutes(alert.labels)) Insert(*route, alert, true);
  }
}

Dispatcher::Group& Dispatcher::GroupOf(const Route& route, const Alert& alert) {
  Labels labels = route.GroupLabels(alert.labels);
  const auto [at, is_new] = groups_.try_emplace(GroupKey{&route, labels});
  Group& group = at->second;
  if (is_new) {
    group.route = &route;
    group.key = route.key + ":" + labels.ToString();
    group.labels = std::move(labels);
    group.next = parts_.clock.Steady() + route.group_wait;
    Keep(group);
  }
  return group;
}

Dispatcher::Group& Dispatcher::Insert(const Route& route, const Alert& alert, bool confirmed) {
  Group& group = GroupOf(route, alert);
  const auto [at, is_new] = group.members.try_emplace(alert.labels);
  Member& member = at->second;
  // Annotations may change with every evaluation: they are kept as they were at the last turn.
  const bool turned =
      is_new || member.alert.state != alert.state || member.alert.fired_at != alert.fired_at;
  member = {is_new ? alert : MergeAlerts(member.alert, alert), confirmed};
  if (turned) parts_.ledger.PutAlert(group.key, member.alert);
  // After a restart, what has fired for longer than the wait has waited enough.
  const Millis age{parts_.clock.Now() - alert.fired_at};
  if (group.flushed || age <= route.group_wait) return group;
  const SteadyTime due = parts_.clock.Steady() - std::min(age - route.group_wait, kRememberEnd);
  if (due >= group.next) return group;
  group.next = due;
  Keep(group);
  return group;
}

void Dispatcher::Keep(const Group& group) {
  parts_.ledger.PutGroup(group.key, {Wall(group.next), group.flushed, group.fell_back});
}

SteadyTime Dispatcher::RunDue() {
  const SteadyTime now = parts_.clock.Steady();
  if (now >= resolve_forgotten_at_) ResolveForgotten(now);
  if (now >= forget_told_at_) ForgetOldTold(now);
  SteadyTime next = resolve_forgotten_at_;
  for (auto at = groups_.begin(); at != groups_.end();) {
    Group& group = at->second;
    const bool due = group.next <= now;
    if (due) {
      Flush(group);
      group.flushed = true;
      group.next = now + group.route->group_interval;
    }
    if (group.members.empty()) {
      parts_.ledger.EraseGroup(group.key);
      at = groups_.erase(at);
      continue;
    }
    if (due) Keep(group);
    next = std::min(next, group.next);
    ++at;
  }
  return next;
}

// Alerts that an earlier process told and that no rule of this one knows.
void Dispatcher::ResolveForgotten(SteadyTime now) {
  resolve_forgotten_at_ = SteadyTime::max();
  for (auto& [key, group] : groups_) {
    for (auto& [labels, member] : group.members) {
      if (member.confirmed || member.alert.state != AlertState::kFiring) continue;
      member.alert.state = AlertState::kResolved;
      member.alert.resolved_at = Wall(now);
      inhibitor_.Put(member.alert);
      parts_.ledger.PutAlert(group.key, member.alert);
    }
  }
}

void Dispatcher::ForgetOldTold(SteadyTime now) {
  forget_told_at_ = now + kForgetEvery;
  std::erase_if(told_, [&](const auto& entry) {
    const Told& told = entry.second;
    if (!told.firing.empty() || told.seen + kRememberEnd > now) return false;
    parts_.ledger.EraseTold(entry.first.first, entry.first.second);
    return true;
  });
}

void Dispatcher::EndOverdue(Group& group) {
  const TimestampMs now = parts_.clock.Now();
  for (auto& [labels, member] : group.members) {
    Alert& alert = member.alert;
    if (alert.state != AlertState::kFiring || alert.ending == AlertEnding::kByRule ||
        alert.valid_until > now)
      continue;
    alert.state = AlertState::kResolved;
    alert.resolved_at = alert.valid_until;
    inhibitor_.Put(alert);
    parts_.ledger.PutAlert(group.key, alert);
  }
}

void Dispatcher::FallBack(const std::string& queue, const std::string& group_key) {
  for (auto& [key, group] : groups_) {
    if (group.key != group_key || group.fell_back || group.route->fallback.empty()) continue;
    if (!IsOf(queue, *group.route)) continue;
    group.fell_back = true;
    group.next = std::min(group.next, parts_.clock.Steady());
    Keep(group);
  }
}

void Dispatcher::SetAway(const std::string& queue, bool away) {
  if (away) {
    away_.insert(queue);
  } else {
    away_.erase(queue);
  }
}

bool Dispatcher::IsAway(const Route& route) const {
  return std::ranges::any_of(away_, [&](const std::string& queue) { return IsOf(queue, route); });
}

void Dispatcher::Flush(Group& group) {
  EndOverdue(group);
  if (!group.route->fallback.empty() && IsAway(*group.route)) group.fell_back = true;
  std::vector<const Alert*> alerts;
  for (const auto& [labels, member] : group.members) alerts.push_back(&member.alert);
  std::stable_sort(alerts.begin(), alerts.end(), [](const Alert* a, const Alert* b) {
    return AlertBefore(a->labels, b->labels);
  });
  TellReceiver(group, alerts, group.route->receiver);
  if (group.fell_back) TellReceiver(group, alerts, group.route->fallback);
  std::erase_if(group.members, [&](const auto& entry) {
    if (entry.second.alert.state != AlertState::kResolved) return false;
    parts_.ledger.EraseAlert(group.key, entry.first);
    return true;
  });
}

void Dispatcher::TellReceiver(const Group& group, const std::vector<const Alert*>& alerts,
                              const std::string& name) {
  const auto at = receivers_.find(name);
  if (at == receivers_.end()) return;
  for (const auto& integration : at->second->integrations) Tell(group, alerts, *integration);
}

bool Dispatcher::IsMutedNow(const Route& route) const {
  const auto holds = [&](const std::string& name) {
    const auto at = parts_.config.time_intervals.find(name);
    return at != parts_.config.time_intervals.end() &&
           std::any_of(at->second.begin(), at->second.end(),
                       [now = parts_.clock.Now()](const TimeInterval& i) { return i.Holds(now); });
  };
  const std::vector<std::string>& mute = route.mute_time_intervals;
  const std::vector<std::string>& active = route.active_time_intervals;
  return std::any_of(mute.begin(), mute.end(), holds) ||
         (!active.empty() && std::none_of(active.begin(), active.end(), holds));
}

namespace {

// A rule's own annotation of that name stays; of alerts of others we have no samples.
void AddChartUrls(const std::function<std::string(const Alert&, TimestampMs)>& chart_url,
                  Notification& notification) {
  constexpr std::string_view kName = "chart_url";
  for (Alert& alert : notification.alerts) {
    if (alert.ending == AlertEnding::kByRule && !alert.annotations.Has(kName))
      alert.annotations.Set(kName, chart_url(alert, notification.time));
  }
}

}  // namespace

void Dispatcher::Tell(const Group& group, const std::vector<const Alert*>& alerts,
                      const Integration& integration) {
  const auto key = std::make_pair(integration.name(), group.key);
  const SteadyTime now = parts_.clock.Steady();
  const Told& told =
      told_.try_emplace(key, Told{{}, {}, SteadyTime::min(), SteadyTime::min()}).first->second;
  const bool was_told = told.at != SteadyTime::min();
  const TimestampMs due = Wall(group.next);
  const TimestampMs seen = told.seen == SteadyTime::min() ? 0 : Wall(told.seen);
  Told now_told{{}, {}, now, now};
  Notification notification;
  bool missed = false;
  const bool muted_by_time = IsMutedNow(*group.route);
  for (const Alert* alert : alerts) {
    const std::uint64_t fingerprint = alert->labels.Fingerprint();
    const bool firing = alert->state == AlertState::kFiring;
    const bool known = told.firing.contains(fingerprint);
    const bool muted = muted_by_time || inhibitor_.Mutes(alert->labels) ||
                       (parts_.muted && parts_.muted(alert->labels));
    // Muting holds back pages, never the word that what was paged has ended.
    if (muted && !known) continue;
    (firing ? now_told.firing : now_told.resolved).insert(fingerprint);
    if (muted && firing) continue;
    // It fired when the group was due, and ended before this came to it: late, but owed.
    const bool late = !firing && !known && alert->fired_at <= due && alert->resolved_at > due &&
                      alert->resolved_at > seen;
    missed = missed || late;
    if (firing || integration.send_resolved()) notification.alerts.push_back(*alert);
    notification.first = notification.first || known;
  }
  notification.first = !notification.first;
  notification.reason =
      ReasonToNotify(was_told ? &told : nullptr, now_told.firing, now_told.resolved,
                     integration.send_resolved(), group.route->repeat_interval, now);
  if (notification.reason == NotifyReason::kNone && missed)
    notification.reason = NotifyReason::kAllResolved;
  if (notification.reason == NotifyReason::kNone) {
    told_[key].seen = now;
    return;
  }
  // Nothing to show is nothing told, but what has ended is remembered as such.
  if (notification.alerts.empty() && !now_told.firing.empty()) return;
  Remember(key, std::move(now_told));
  if (notification.alerts.empty()) return;
  notification.receiver = integration.receiver();
  notification.integration = key.first;
  notification.group_key = group.key;
  notification.group_labels = group.labels;
  notification.time = parts_.clock.Now();
  notification.external_url = parts_.external_url;
  if (parts_.config.chart_url) AddChartUrls(parts_.config.chart_url, notification);
  if (!group.fell_back && !group.route->fallback.empty() &&
      group.route->fallback != integration.receiver())
    notification.fallback_after = group.route->fallback_after;
  parts_.emit(std::move(notification));
}

void Dispatcher::Remember(const std::pair<std::string, std::string>& key, Told told) {
  parts_.ledger.PutTold(key.first, key.second, {Wall(told.at), told.firing, told.resolved});
  told_[key] = std::move(told);
}

std::size_t Dispatcher::alert_count() const {
  std::size_t count = 0;
  for (const auto& [key, group] : groups_) count += group.members.size();
  return count;
}

std::vector<Dispatcher::Shown> Dispatcher::Groups() const {
  std::vector<Shown> shown;
  for (const auto& [key, group] : groups_) {
    Shown& one = shown.emplace_back();
    one.receiver = group.route->receiver;
    one.key = group.key;
    one.labels = group.labels;
    for (const auto& [labels, member] : group.members) one.alerts.push_back(member.alert);
  }
  return shown;
}

}  // namespace tierwatch
