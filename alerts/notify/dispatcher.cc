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

Dispatcher::Dispatcher(const NotifyConfig& config, std::string external_url, const Clock& clock,
                       Emit emit)
    : config_(config),
      external_url_(std::move(external_url)),
      clock_(clock),
      emit_(std::move(emit)) {
  for (const Receiver& receiver : config_.receivers) receivers_[receiver.name] = &receiver;
}

void Dispatcher::Put(const std::vector<Alert>& alerts) {
  if (!config_.route) return;
  for (const Alert& alert : alerts) {
    if (alert.state != AlertState::kFiring && alert.state != AlertState::kResolved) continue;
    for (const Route* route : config_.route->Match(alert.labels)) Insert(*route, alert);
  }
}

void Dispatcher::Insert(const Route& route, const Alert& alert) {
  Labels labels = route.GroupLabels(alert.labels);
  const SteadyTime now = clock_.Steady();
  const auto [at, is_new] = groups_.try_emplace(GroupKey{&route, labels});
  Group& group = at->second;
  if (is_new) {
    group.route = &route;
    group.key = route.key + ":" + labels.ToString();
    group.labels = std::move(labels);
    group.next = now + route.group_wait;
  }
  group.alerts.insert_or_assign(alert.labels, alert);
  // After a restart, what has fired for longer than the wait has waited enough.
  if (!group.flushed && Millis{clock_.Now() - alert.fired_at} > route.group_wait) group.next = now;
}

SteadyTime Dispatcher::RunDue() {
  const SteadyTime now = clock_.Steady();
  SteadyTime next = SteadyTime::max();
  for (auto at = groups_.begin(); at != groups_.end();) {
    Group& group = at->second;
    if (group.next <= now) {
      Flush(group);
      group.flushed = true;
      group.next = now + group.route->group_interval;
    }
    if (group.alerts.empty()) {
      at = groups_.erase(at);
      continue;
    }
    next = std::min(next, group.next);
    ++at;
  }
  return next;
}

void Dispatcher::Flush(Group& group) {
  std::vector<const Alert*> alerts;
  for (const auto& [labels, alert] : group.alerts) alerts.push_back(&alert);
  std::stable_sort(alerts.begin(), alerts.end(), [](const Alert* a, const Alert* b) {
    return AlertBefore(a->labels, b->labels);
  });
  if (const auto at = receivers_.find(group.route->receiver); at != receivers_.end()) {
    for (const auto& integration : at->second->integrations) Tell(group, alerts, *integration);
  }
  std::erase_if(group.alerts,
                [](const auto& entry) { return entry.second.state == AlertState::kResolved; });
}

void Dispatcher::Tell(const Group& group, const std::vector<const Alert*>& alerts,
                      const Integration& integration) {
  Told now_told{{}, {}, clock_.Steady()};
  for (const Alert* alert : alerts) {
    (alert->state == AlertState::kFiring ? now_told.firing : now_told.resolved)
        .insert(alert->labels.Fingerprint());
  }
  const auto key = std::make_pair(integration.name(), group.key);
  const auto told = told_.find(key);
  Notification notification;
  notification.reason = ReasonToNotify(
      told == told_.end() ? nullptr : &told->second, now_told.firing, now_told.resolved,
      integration.send_resolved(), group.route->repeat_interval, now_told.at);
  if (notification.reason == NotifyReason::kNone) return;
  for (const Alert* alert : alerts) {
    if (integration.send_resolved() || alert->state == AlertState::kFiring)
      notification.alerts.push_back(*alert);
  }
  if (!notification.alerts.empty()) {
    notification.receiver = integration.receiver();
    notification.integration = key.first;
    notification.group_key = group.key;
    notification.group_labels = group.labels;
    notification.external_url = external_url_;
    notification.time = clock_.Now();
    emit_(notification, integration);
  }
  // An entry without firing alerts decides as an absent one does.
  if (now_told.firing.empty()) {
    told_.erase(key);
  } else {
    told_[key] = std::move(now_told);
  }
}

}  // namespace tierwatch
