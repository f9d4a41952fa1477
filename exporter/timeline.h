// The wall clock as the process keeps it: one that never jumps by itself.
#pragma once

#include <atomic>

#include "base/clock.h"

namespace tierwatch {

/// Goes by the machine's wall clock as long as that agrees with the steady one to within
/// kTolerance. When it was set, or the machine slept, the timeline goes on with steady time until
/// Adopt, so that whoever stamps and whoever judges change over at one moment. Thread-safe.
class Timeline final : public Clock {
 public:
  static constexpr Millis kTolerance{2'000};

  /// The machine's clock must outlive it.
  explicit Timeline(const Clock& machine);

  TimestampMs Now() const override;
  SteadyTime Steady() const override { return machine_.Steady(); }

  /// By how much the machine's clock was set; 0 where it agrees. Small differences are taken over
  /// then: call it each second or so.
  Millis Follow();
  /// Goes by the machine's clock again.
  void Adopt();

 private:
  /// Wall less steady time.
  TimestampMs MachineOffset() const;

  const Clock& machine_;
  std::atomic<TimestampMs> offset_;
};

}  // namespace tierwatch
