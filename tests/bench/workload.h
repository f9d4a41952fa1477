// The synthetic targets of the benchmarks: what every side samples, defined once.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/batch.h"

namespace tierwatch {

struct WorkloadOptions {
  std::size_t series = 100'000;  // in all; rounded down to whole instances
  std::size_t targets = 100;
  double speed = 1;  // seconds that pass in a second: 5 makes 3 s between samples look like 15 s
  std::uint64_t seed = 1;
};

/// A function of target and time: every process computes the same samples, at any time, in any
/// order. An instance has 4 tiers of error_rate (gauge), x_total, hits and misses (counters) and b
/// (histogram of 11 buckets): 68 series. Instance i belongs to target i % targets.
///
/// Counters are whole numbers at rates that differ by a factor of 10,000 (a third of them stands
/// still for most of 15 s), with jitter; all of an instance begin again about once a day. Half of
/// the gauges are constant, the others wander with 3 digits. About one in a hundred is bad: its
/// error_rate is 0.02 instead of < 0.01, x_total's rate 40 instead of < 15, the hit ratio 0.2
/// instead of > 0.7, the 95th percentile of b over 1 instead of < 0.3.
class Workload {
 public:
  static constexpr std::size_t kSeriesPerInstance = 68;

  explicit Workload(WorkloadOptions options);

  std::size_t targets() const { return options_.targets; }
  std::size_t series() const { return instances_ * kSeriesPerInstance; }
  Labels TargetLabels(std::size_t target) const;
  Batch Sample(std::size_t target, TimestampMs time) const;

 private:
  WorkloadOptions options_;
  std::size_t instances_;
};

}  // namespace tierwatch
