// Tells which instance of a backend answers, by the time at which it says it was started.
#pragma once

#include <cstdint>
#include <optional>

namespace tierwatch {

/// A restart always moves the start time forward. One that moves back proves that several instances
/// answer in turn behind one address, and their counters then can't be compared. Kept over the
/// samples of one target.
class InstanceWatch {
 public:
  /// The start time of the instance that answered, in seconds since the epoch. Two seconds of
  /// difference are the rounding of an uptime, not another instance.
  void Observe(double start_seconds);

  /// Several instances answer: true from a move back on, until 20 answers in a row came from one
  /// instance.
  bool several() const { return several_; }
  /// How often the instance that answers has changed: restarts and turns of a load balancer.
  std::int64_t changes() const { return changes_; }

 private:
  std::optional<double> start_;
  bool several_ = false;
  int same_in_a_row_ = 0;
  std::int64_t changes_ = 0;
};

}  // namespace tierwatch
