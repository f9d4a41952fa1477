// Time as an argument: the one interface by which any part learns what time it is.
#pragma once

#include <chrono>
#include <cstdint>

namespace tierwatch {

/// Wall-clock time as Prometheus counts it: milliseconds since the Unix epoch, UTC.
using TimestampMs = std::int64_t;

using SteadyTime = std::chrono::steady_clock::time_point;
using Millis = std::chrono::milliseconds;

/// Wall time for stamps, steady time for deadlines and schedules. Implementations are thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimestampMs Now() const = 0;
  virtual SteadyTime Steady() const = 0;
};

/// The machine's clocks. Only the process (exporter/) makes one; everything else is handed a Clock.
class SystemClock final : public Clock {
 public:
  TimestampMs Now() const override;
  SteadyTime Steady() const override;
};

}  // namespace tierwatch
