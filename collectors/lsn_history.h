// Replica lag in seconds, from what the primary's log position was and when.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string_view>

#include "base/clock.h"

namespace tierwatch {

/// A log sequence number: bytes of WAL since the cluster began.
using Lsn = std::uint64_t;

/// Parses PostgreSQL's "16/B374D848".
std::optional<Lsn> ParseLsn(std::string_view text);

/// Samples of the primary's flushed LSN. The lag of a replica is the age of the oldest sampled LSN
/// that it has not replayed: 0 on an idle primary, growing while replay is paused or the replica is
/// cut off, whatever the replica believes. It is never more than the true lag, and less by at most
/// one sampling interval. Memory is bounded: in a full history the older half keeps every second
/// sample. Not thread-safe.
class LsnHistory {
 public:
  static constexpr std::size_t kMostSamples = 4096;

  /// The primary had flushed `lsn` at `time` at the latest. An LSN below the last one means another
  /// history (the cluster was restored, another timeline): what was known is forgotten.
  void Add(SteadyTime time, Lsn lsn);
  void Clear() { samples_.clear(); }

  /// The newest LSN known.
  std::optional<Lsn> Last() const;

  struct Lag {
    double seconds = 0;
    /// True where the history does not reach back to the replica's position: the lag is at least
    /// `seconds`.
    bool at_least = false;
    SteadyTime
        since{};  // when the LSN that makes the lag was first seen; of no meaning where caught up
  };
  /// The lag of a replica that has replayed up to `replayed`, judged at `now`; nullopt while
  /// nothing was added.
  std::optional<Lag> LagOf(Lsn replayed, SteadyTime now) const;

 private:
  struct At {
    SteadyTime time;  // when `lsn` was first seen
    Lsn lsn;
  };
  void Thin();

  std::deque<At> samples_;  // both fields strictly rising
};

}  // namespace tierwatch
