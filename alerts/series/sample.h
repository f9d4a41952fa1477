// One sample of one series: a float or a native histogram, and the marker that says "this series
// ended here".
#pragma once

#include <bit>
#include <cstdint>
#include <memory>

#include "base/clock.h"
#include "base/labels.h"

namespace tierwatch::series {

struct FloatHistogram;  // alerts/series/float_histogram.h
using HistogramPtr = std::shared_ptr<const FloatHistogram>;

/// Prometheus's staleness marker: a NaN of its own bits, never the result of arithmetic.
inline constexpr std::uint64_t kStaleBits = 0x7ff0000000000002;
/// Prometheus's ordinary NaN.
inline constexpr std::uint64_t kNanBits = 0x7ff8000000000001;

inline double StaleMarker() { return std::bit_cast<double>(kStaleBits); }
inline bool IsStale(double value) { return std::bit_cast<std::uint64_t>(value) == kStaleBits; }
inline double OrdinaryNan() { return std::bit_cast<double>(kNanBits); }

struct Sample {
  Labels labels;
  TimestampMs time = 0;
  double value = 0;            // StaleMarker() ends the series
  HistogramPtr histogram{};    // set: the sample is this histogram and `value` means nothing
  TimestampMs start_time = 0;  // when the counter or histogram began to count; 0 = unknown
};

}  // namespace tierwatch::series
