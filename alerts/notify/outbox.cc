#include "alerts/notify/outbox.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace tierwatch {

bool OutboxEntry::stale() const {
  return first &&
         std::all_of(notification->alerts.begin(), notification->alerts.end(),
                     [](const Alert& alert) { return alert.state == AlertState::kResolved; });
}

void Outbox::Add(OutboxEntry entry) {
  Queue& queue = queues_.try_emplace(entry.queue).first->second;
  std::deque<std::uint64_t>& group = queue.groups[entry.group_key];
  group.push_back(entry.id);
  if (group.size() == 1) queue.heads.insert({entry.due, entry.id});
  if (entry.digest) queue.digests.push_back(entry.id);
  ++queue.pending;
  entries_.emplace(entry.id, std::move(entry));
}

// What may be taken next, 0 where nothing may: a digest holds up everything behind it, since it
// speaks for many groups.
std::uint64_t Outbox::Head(const Queue& queue) const {
  if (queue.digests.empty()) return queue.heads.empty() ? 0 : queue.heads.begin()->second;
  const std::uint64_t id = queue.digests.front();
  return taken_.contains(id) ? 0 : id;
}

std::optional<OutboxEntry> Outbox::Take(std::string_view queue_name, SteadyTime now) {
  const auto at = queues_.find(queue_name);
  const std::uint64_t id = at == queues_.end() ? 0 : Head(at->second);
  if (id == 0) return std::nullopt;
  const OutboxEntry& entry = entries_.at(id);
  if (entry.due > now) return std::nullopt;
  at->second.heads.erase({entry.due, id});
  taken_.insert(id);
  return entry;
}

SteadyTime Outbox::NextDue(std::string_view queue_name) const {
  const auto at = queues_.find(queue_name);
  const std::uint64_t id = at == queues_.end() ? 0 : Head(at->second);
  return id == 0 ? SteadyTime::max() : entries_.at(id).due;
}

void Outbox::Retry(std::uint64_t id, SteadyTime due, bool uncertain) {
  OutboxEntry& entry = entries_.at(id);
  entry.uncertain = entry.uncertain || uncertain;
  ++entry.attempts;
  entry.due = due;
  taken_.erase(id);
  queues_.find(entry.queue)->second.heads.insert({due, id});
}

void Outbox::Hasten(std::string_view queue_name, SteadyTime now) {
  const auto at = queues_.find(queue_name);
  if (at == queues_.end()) return;
  for (const auto& [due, id] : std::exchange(at->second.heads, {})) {
    SteadyTime& entry_due = entries_.at(id).due;
    entry_due = std::min(entry_due, now);
    at->second.heads.insert({entry_due, id});
  }
}

void Outbox::Remove(std::uint64_t id) {
  const auto at = entries_.find(id);
  Queue& queue = queues_.find(at->second.queue)->second;
  const auto group = queue.groups.find(at->second.group_key);
  group->second.pop_front();
  if (group->second.empty()) {
    queue.groups.erase(group);
  } else {
    queue.heads.insert({entries_.at(group->second.front()).due, group->second.front()});
  }
  if (at->second.digest) std::erase(queue.digests, id);
  --queue.pending;
  taken_.erase(id);
  entries_.erase(at);
}

std::size_t Outbox::Pending(std::string_view queue_name) const {
  const auto at = queues_.find(queue_name);
  return at == queues_.end() ? 0 : at->second.pending;
}

std::size_t Outbox::Foldable(std::string_view queue_name) const {
  const auto at = queues_.find(queue_name);
  if (at == queues_.end() || !at->second.digests.empty()) return 0;
  std::size_t count = 0;
  for (const auto& [due, id] : at->second.heads) {
    if (!MayHaveArrived(id) && ++count == 2) break;
  }
  return count;
}

bool Outbox::MayHaveArrived(std::uint64_t id) const {
  return taken_.contains(id) || entries_.at(id).uncertain;
}

std::vector<OutboxEntry> Outbox::TakeOut(Queue& queue, const std::string& group_key,
                                         std::size_t from) {
  std::vector<OutboxEntry> out;
  const auto group = queue.groups.find(group_key);
  std::deque<std::uint64_t>& ids = group->second;
  for (std::size_t i = from; i < ids.size(); ++i) {
    const auto at = entries_.find(ids[i]);
    queue.heads.erase({at->second.due, ids[i]});
    if (at->second.digest) std::erase(queue.digests, ids[i]);
    out.push_back(std::move(at->second));
    entries_.erase(at);
  }
  queue.pending -= out.size();
  ids.resize(from);
  if (ids.empty()) queue.groups.erase(group);
  return out;
}

std::vector<OutboxEntry> Outbox::Withdraw(std::string_view queue_name,
                                          const std::string& group_key) {
  const auto at = queues_.find(queue_name);
  if (at == queues_.end()) return {};
  const auto group = at->second.groups.find(group_key);
  if (group == at->second.groups.end()) return {};
  return TakeOut(at->second, group_key, MayHaveArrived(group->second.front()) ? 1 : 0);
}

std::vector<OutboxEntry> Outbox::TakeOutOfAll(std::string_view queue_name, const Staying& staying) {
  const auto at = queues_.find(queue_name);
  if (at == queues_.end()) return {};
  std::vector<std::pair<std::string, std::size_t>> groups;  // and how many of each stay
  for (const auto& [key, ids] : at->second.groups) {
    if (const std::size_t from = staying(ids); from < ids.size()) groups.emplace_back(key, from);
  }
  std::vector<OutboxEntry> out;
  for (const auto& [key, from] : groups)
    std::ranges::move(TakeOut(at->second, key, from), std::back_inserter(out));
  return out;
}

std::vector<OutboxEntry> Outbox::WithdrawIf(std::string_view queue,
                                            const std::function<bool(const OutboxEntry&)>& wanted) {
  return TakeOutOfAll(queue, [&](const std::deque<std::uint64_t>& ids) -> std::size_t {
    const bool all = std::ranges::all_of(
        ids, [&](std::uint64_t id) { return !MayHaveArrived(id) && wanted(entries_.at(id)); });
    return all ? 0 : ids.size();
  });
}

std::vector<OutboxEntry> Outbox::Clear(std::string_view queue) {
  return TakeOutOfAll(queue, [&](const std::deque<std::uint64_t>& ids) -> std::size_t {
    return taken_.contains(ids.front()) ? 1 : 0;
  });
}

}  // namespace tierwatch
