// Latency percentiles of the last seconds: they rise with a fault and recover after it.
#pragma once

#include <chrono>
#include <deque>
#include <optional>

#include "base/clock.h"

namespace tierwatch::demo {

/// In milliseconds.
struct LatencyPercentiles {
  double p50 = 0;
  double p95 = 0;
};

/// Keeps what was measured within `span`, the newest 4,096 at most. Not thread-safe.
class LatencyWindow {
 public:
  explicit LatencyWindow(Millis span) : span_(span) {}
  void Add(SteadyTime at, std::chrono::nanoseconds took);
  /// Nearest-rank percentiles of what lies within the span before `now`; nothing where there is
  /// nothing.
  std::optional<LatencyPercentiles> At(SteadyTime now) const;

 private:
  struct Measured {
    SteadyTime at;
    double millis;
  };
  const Millis span_;
  std::deque<Measured> measured_;  // by time, the oldest first
};

}  // namespace tierwatch::demo
