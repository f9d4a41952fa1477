// How groups go on: in the next process, and under another configuration.
#include <algorithm>

#include "alerts/notify/dispatcher.h"

namespace tierwatch {

void Dispatcher::Restore(LedgerContents contents, Millis patience) {
  const SteadyTime now = parts_.clock.Steady();
  for (auto& [key, record] : contents.told) {
    const SteadyTime at = std::min(now, Steady(record.at));  // the clock may have been set back
    told_[key] = {std::move(record.firing), std::move(record.resolved), at, at};
  }
  std::vector<Past> past;
  for (auto& [key, alert] : contents.alerts) {
    const bool of_others = alert.ending != AlertEnding::kByRule;
    // While nobody was here, nobody could renew it.
    if (of_others)
      alert.valid_until =
          std::max(alert.valid_until, Wall(now) + parts_.config.resolve_timeout.count());
    past.push_back({key, {std::move(alert), of_others}});
  }
  Regroup(past, contents.groups);
  resolve_forgotten_at_ = now + patience;
}

Dispatcher::Moved Dispatcher::TakeOver(Dispatcher&& former) {
  told_ = std::move(former.told_);
  away_ = std::move(former.away_);
  resolve_forgotten_at_ = former.resolve_forgotten_at_;
  std::vector<Past> past;
  std::map<std::string, GroupRecord> groups;
  for (auto& [key, group] : former.groups_) {
    groups[group.key] = {Wall(group.next), group.flushed, group.fell_back};
    for (auto& [labels, member] : group.members) past.push_back({group.key, std::move(member)});
  }
  return Regroup(past, groups);
}

// Sorts alerts into groups by this configuration's routes. Groups that are still there go on where
// they were.
Dispatcher::Moved Dispatcher::Regroup(const std::vector<Past>& past,
                                      const std::map<std::string, GroupRecord>& groups) {
  Moved moved;
  std::set<std::string> living, queues;
  for (const auto& [old_key, member] : past) {
    inhibitor_.Put(member.alert);
    bool stays = false;
    for (const Route* route : MatchingRoutes(member.alert.labels)) {
      const std::string& key = Insert(*route, member.alert, member.confirmed).key;
      living.insert(key);
      stays = stays || key == old_key;
    }
    if (stays) continue;
    parts_.ledger.EraseAlert(old_key, member.alert.labels);
    moved.emplace(old_key, member.alert.labels.Fingerprint());
  }
  const SteadyTime now = parts_.clock.Steady();
  for (auto& [key, group] : groups_) {
    const auto at = groups.find(group.key);
    if (at == groups.end()) continue;
    group.flushed = at->second.flushed;
    group.fell_back = at->second.fell_back && !group.route->fallback.empty();
    group.next =
        std::min(Steady(at->second.next_at),
                 now + (group.flushed ? group.route->group_interval : group.route->group_wait));
    // Another receiver need not wait until it is the former one's turn again.
    if (group.flushed && !IsKnown(group)) group.next = now;
  }
  for (const auto& [key, group] : groups) {
    if (!living.contains(key)) parts_.ledger.EraseGroup(key);
  }
  for (const Receiver& receiver : parts_.config.receivers) {
    for (const auto& integration : receiver.integrations) queues.insert(integration->name());
  }
  // What they were told is told in other groups now, or to others.
  for (auto& [key, told] : told_) {
    if (!living.contains(key.second) || !queues.contains(key.first)) told.firing.clear();
  }
  return moved;
}

// Whether it was ever decided what to tell the receiver of the group.
bool Dispatcher::IsKnown(const Group& group) const {
  const auto at = receivers_.find(group.route->receiver);
  return at == receivers_.end() ||
         std::ranges::all_of(at->second->integrations, [&](const auto& integration) {
           return told_.contains({integration->name(), group.key});
         });
}

std::vector<const Route*> Dispatcher::MatchingRoutes(const Labels& labels) const {
  if (!parts_.config.route) return {};
  return parts_.config.route->Match(labels);
}

}  // namespace tierwatch
