// One sample of one series: a float or a native histogram, and the marker that says "this series
// ended here".
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

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

/// The same with texts that are somebody else's: what a remote write is read as. Names differ, in
/// any order, and no text is empty.
struct LabelView {
  std::string_view name;
  std::string_view value;
  auto operator<=>(const LabelView&) const = default;
};
struct SampleView {
  std::span<const LabelView> labels;
  TimestampMs time = 0;
  double value = 0;
  HistogramPtr histogram{};
  TimestampMs start_time = 0;
};

/// The last sample of a series so far.
struct Newest {
  TimestampMs time = 0;
  double value = 0;
  HistogramPtr histogram{};
};

/// Why a sample was not taken.
enum class Refusal : std::uint8_t {
  kOutOfOrder,   // its series has a later one
  kDuplicate,    // its series has another value of that time
  kSeriesLimit,  // of a new series beyond StoreOptions::max_series, or with too many labels
};
struct RefusedSample {
  std::size_t position = 0;  // among those that were given
  Refusal why = Refusal::kOutOfOrder;
};

}  // namespace tierwatch::series
