// What is owed, in memory: notifications from the moment that they are decided until they are
// delivered or given up.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "alerts/receivers/notification.h"
#include "base/clock.h"

namespace tierwatch {

struct OutboxEntry {
  std::uint64_t id = 0;         // grows
  std::string queue;            // the integration: "on-call/webhook[0]"
  std::string group_key;        // entries of one group leave in the order in which they came
  std::string idempotency_key;  // the same for every attempt, over restarts too
  std::shared_ptr<const Notification> notification;
  TimestampMs created_at = 0;
  TimestampMs owed_since = 0;  // of the oldest notification that was merged into this one
  TimestampMs expires_at = 0;
  bool first = false;   // the receiver knows of none of these alerts yet
  bool digest = false;  // holds notifications of several groups; nothing overtakes it
  SteadyTime due;       // not tried before
  SteadyTime expires = SteadyTime::max();
  int attempts = 0;
  bool uncertain = false;  // an attempt ended without an answer: it may have arrived

  /// Nothing fires any more and the receiver never knew that it did.
  bool stale() const;
};

/// Queues of entries by integration. Not thread-safe: its user locks. An entry that was taken stays
/// owed until Remove.
class Outbox {
 public:
  void Add(OutboxEntry entry);
  /// Takes the entry of `queue` that has been due for longest; nothing of a group whose older entry
  /// is taken or waits, and nothing but a digest while there is one.
  std::optional<OutboxEntry> Take(std::string_view queue, SteadyTime now);
  /// When Take will next have something, as far as is known now; SteadyTime::max() where nothing
  /// waits.
  SteadyTime NextDue(std::string_view queue) const;
  /// Gives a taken entry back, with one attempt more, to be taken again from `due` on.
  void Retry(std::uint64_t id, SteadyTime due, bool uncertain = false);
  /// Whatever waits to be tried again is due now.
  void Hasten(std::string_view queue, SteadyTime now);
  /// A taken entry is no longer owed.
  void Remove(std::uint64_t id);
  /// How many are owed, the taken ones included.
  std::size_t Pending(std::string_view queue) const;
  /// How many groups wait that a digest could speak for, 2 for more; 0 while there is a digest.
  std::size_t Foldable(std::string_view queue) const;

  /// Takes out the entries of a group that have certainly not arrived, the oldest first: none that
  /// is being sent or uncertain.
  std::vector<OutboxEntry> Withdraw(std::string_view queue, const std::string& group_key);
  /// Takes out all entries of those groups whose every entry is `wanted` and has certainly not
  /// arrived.
  std::vector<OutboxEntry> WithdrawIf(std::string_view queue,
                                      const std::function<bool(const OutboxEntry&)>& wanted);
  /// Takes out everything that is not being sent.
  std::vector<OutboxEntry> Clear(std::string_view queue);

 private:
  struct Queue {
    std::map<std::string, std::deque<std::uint64_t>> groups;  // ids, oldest first; never empty
    std::set<std::pair<SteadyTime, std::uint64_t>>
        heads;  // each group's oldest, unless it is taken
    std::deque<std::uint64_t> digests;
    std::size_t pending = 0;
  };

  std::uint64_t Head(const Queue& queue) const;
  bool MayHaveArrived(std::uint64_t id) const;
  std::vector<OutboxEntry> TakeOut(Queue& queue, const std::string& group_key, std::size_t from);
  /// Of a group's ids, how many of the oldest stay.
  using Staying = std::function<std::size_t(const std::deque<std::uint64_t>& ids)>;
  std::vector<OutboxEntry> TakeOutOfAll(std::string_view queue, const Staying& staying);

  std::map<std::uint64_t, OutboxEntry> entries_;
  std::set<std::uint64_t> taken_;
  std::map<std::string, Queue, std::less<>> queues_;
};

}  // namespace tierwatch
