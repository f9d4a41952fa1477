#include "base/interrupt.h"

#include "base/duration.h"

namespace tierwatch {

Interrupt After(const Clock& clock, Millis budget, std::stop_token stop) {
  const SteadyTime deadline = clock.Steady() + budget;
  return [&clock, deadline, budget, stop]() -> std::optional<Error> {
    if (stop.stop_requested()) return Error{"canceled", Reason::kCanceled};
    if (clock.Steady() < deadline) return std::nullopt;
    return Error{"timed out after " + FormatDuration(budget), Reason::kTimeout};
  };
}

}  // namespace tierwatch
