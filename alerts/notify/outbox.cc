#include "alerts/notify/outbox.h"

#include <algorithm>
#include <functional>
#include <set>
#include <utility>

namespace tierwatch {
namespace {

class MemoryOutbox final : public Outbox {
 public:
  void Add(OutboxEntry entry) override {
    entry.id = ++last_id_;
    Queue& queue = queues_.try_emplace(entry.queue).first->second;
    std::deque<std::uint64_t>& group = queue.groups[entry.group_key];
    group.push_back(entry.id);
    if (group.size() == 1) queue.heads.insert({entry.due, entry.id});
    ++queue.pending;
    entries_.emplace(entry.id, std::move(entry));
  }

  std::optional<OutboxEntry> Take(std::string_view queue_name, SteadyTime now) override {
    const auto at = queues_.find(queue_name);
    if (at == queues_.end() || at->second.heads.empty()) return std::nullopt;
    const auto [due, id] = *at->second.heads.begin();
    if (due > now) return std::nullopt;
    at->second.heads.erase(at->second.heads.begin());
    return entries_.at(id);
  }

  SteadyTime NextDue(std::string_view queue_name) const override {
    const auto at = queues_.find(queue_name);
    if (at == queues_.end() || at->second.heads.empty()) return SteadyTime::max();
    return at->second.heads.begin()->first;
  }

  void Retry(std::uint64_t id, SteadyTime due) override {
    OutboxEntry& entry = entries_.at(id);
    ++entry.attempts;
    entry.due = due;
    queues_.find(entry.queue)->second.heads.insert({due, id});
  }

  void Remove(std::uint64_t id) override {
    const auto at = entries_.find(id);
    Queue& queue = queues_.find(at->second.queue)->second;
    const auto group = queue.groups.find(at->second.group_key);
    group->second.pop_front();
    if (group->second.empty()) {
      queue.groups.erase(group);
    } else {
      queue.heads.insert({entries_.at(group->second.front()).due, group->second.front()});
    }
    --queue.pending;
    entries_.erase(at);
  }

  std::size_t Pending(std::string_view queue_name) const override {
    const auto at = queues_.find(queue_name);
    return at == queues_.end() ? 0 : at->second.pending;
  }

 private:
  struct Queue {
    std::map<std::string, std::deque<std::uint64_t>> groups;  // ids, oldest first; never empty
    std::set<std::pair<SteadyTime, std::uint64_t>>
        heads;  // each group's oldest, unless it is taken
    std::size_t pending = 0;
  };

  std::uint64_t last_id_ = 0;
  std::map<std::uint64_t, OutboxEntry> entries_;
  std::map<std::string, Queue, std::less<>> queues_;
};

}  // namespace

std::unique_ptr<Outbox> MakeMemoryOutbox() { return std::make_unique<MemoryOutbox>(); }

}  // namespace tierwatch
