// What is owed: notifications from the moment that they are decided until they are delivered or
// given up.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace tierwatch {

struct OutboxEntry {
  std::uint64_t id = 0;         // given by Add; grows
  std::string queue;            // the integration: "on-call/webhook[0]"
  std::string group_key;        // entries of one group leave in the order in which they came
  std::string idempotency_key;  // the same for every attempt
  std::string body;
  TimestampMs created_at = 0;
  SteadyTime due;  // not tried before
  SteadyTime expires;
  int attempts = 0;
};

/// Queues of entries by integration. Not thread-safe: its user locks. An entry that was taken stays
/// owed until Remove.
class Outbox {
 public:
  virtual ~Outbox() = default;
  virtual void Add(OutboxEntry entry) = 0;
  /// Takes the entry of `queue` that has been due for longest; nothing of a group whose older entry
  /// is taken or waits.
  virtual std::optional<OutboxEntry> Take(std::string_view queue, SteadyTime now) = 0;
  /// When Take will next have something, as far as is known now; SteadyTime::max() where nothing
  /// waits.
  virtual SteadyTime NextDue(std::string_view queue) const = 0;
  /// Gives a taken entry back, with one attempt more, to be taken again from `due` on.
  virtual void Retry(std::uint64_t id, SteadyTime due) = 0;
  /// A taken entry is no longer owed.
  virtual void Remove(std::uint64_t id) = 0;
  /// How many are owed, the taken ones included.
  virtual std::size_t Pending(std::string_view queue) const = 0;
};

/// Kept in memory: what is owed dies with the process.
std::unique_ptr<Outbox> MakeMemoryOutbox();

}  // namespace tierwatch
