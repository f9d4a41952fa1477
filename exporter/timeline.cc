#include "exporter/timeline.h"

#include <cstdlib>

namespace tierwatch {
namespace {

TimestampMs SteadyMs(const Clock& clock) {
  return std::chrono::duration_cast<Millis>(clock.Steady().time_since_epoch()).count();
}

bool Agrees(TimestampMs difference) { return std::abs(difference) <= Timeline::kTolerance.count(); }

}  // namespace

Timeline::Timeline(const Clock& machine) : machine_(machine), offset_(MachineOffset()) {}

TimestampMs Timeline::MachineOffset() const { return machine_.Now() - SteadyMs(machine_); }

TimestampMs Timeline::Now() const {
  const TimestampMs steady = SteadyMs(machine_), wall = machine_.Now(), offset = offset_;
  return Agrees(wall - steady - offset) ? wall : steady + offset;
}

Millis Timeline::Follow() {
  const TimestampMs offset = MachineOffset(), difference = offset - offset_;
  if (!Agrees(difference)) return Millis(difference);
  offset_ = offset;
  return Millis(0);
}

void Timeline::Adopt() { offset_ = MachineOffset(); }

}  // namespace tierwatch
