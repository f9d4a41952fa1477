// A clock that stands still until a test moves it.
#pragma once

#include <atomic>

#include "base/clock.h"

namespace tierwatch {

class FakeClock final : public Clock {
 public:
  explicit FakeClock(TimestampMs now = 1'700'000'000'000) : now_(now) {}
  TimestampMs Now() const override { return now_; }
  SteadyTime Steady() const override { return SteadyTime(Millis(steady_)); }
  /// Moves both clocks.
  void Advance(Millis by) {
    now_ += by.count();
    steady_ += by.count();
  }
  /// Moves the wall clock alone, as an operator or NTP would.
  void JumpWall(Millis by) { now_ += by.count(); }

 private:
  std::atomic<TimestampMs> now_;
  std::atomic<std::int64_t> steady_{1'000'000};
};

}  // namespace tierwatch
