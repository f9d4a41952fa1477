#include "base/clock.h"

namespace tierwatch {

TimestampMs SystemClock::Now() const {
  return std::chrono::duration_cast<Millis>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

SteadyTime SystemClock::Steady() const { return std::chrono::steady_clock::now(); }

}  // namespace tierwatch
