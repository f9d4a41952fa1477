// A native histogram with float counts: exponential buckets (schemas -4 to 8) or custom ones
// (schema -53).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "alerts/series/sample.h"

namespace tierwatch::series {

/// What is known of a histogram's place in its series.
enum class ResetHint : std::uint8_t { kUnknown, kReset, kNotReset, kGauge };

inline constexpr int kCustomBuckets = -53;

/// Buckets are sparse and ordered by index: bucket i of an exponential schema s ends at 2^(i/2^s),
/// bucket i of a custom one at custom_values[i], the last one at +Inf. A value like any other:
/// copy, change, share as HistogramPtr.
struct FloatHistogram {
  struct Bucket {
    std::int32_t index = 0;
    double count = 0;
    bool operator==(const Bucket&) const = default;
  };

  int schema = 0;
  ResetHint hint = ResetHint::kUnknown;
  double zero_threshold = 0;
  double zero_count = 0;
  double count = 0;
  double sum = 0;
  std::vector<Bucket> positive;
  std::vector<Bucket> negative;
  std::vector<double> custom_values;  // upper bounds, ascending, without +Inf

  bool custom() const { return schema == kCustomBuckets; }
};

/// All counts and the sum times `factor`; a negative one makes a gauge.
HistogramPtr Scaled(const FloatHistogram& histogram, double factor);

}  // namespace tierwatch::series
