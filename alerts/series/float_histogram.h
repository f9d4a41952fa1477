// A native histogram as PromQL computes with it: a plain value with its bucket layout and
// arithmetic.
//
// Semantics are those of Prometheus 3.14 (https://prometheus.io/docs/specs/native_histograms/).
// Values are copied freely and shared as std::shared_ptr<const FloatHistogram>; no function blocks,
// throws or keeps a reference. Buckets are kept as ascending (index, count) pairs, not as the spans
// of the wire format: merging is one pass over two sorted arrays, and two samples of one series,
// whose indexes are equal, are combined by a loop over doubles.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace tierwatch::series {

/// The schema of custom bounds; all others are exponential, from kMinSchema (coarse) to kMaxSchema
/// (fine).
inline constexpr int kCustomSchema = -53;
inline constexpr int kMinSchema = -4;
inline constexpr int kMaxSchema = 8;

/// What is known of a counter reset between the previous sample and this one. A gauge knows no
/// resets.
enum class ResetHint : std::uint8_t { kUnknown, kReset, kNotReset, kGauge };

/// The buckets of one sign, away from zero: `index` ascends strictly and runs in parallel with
/// `count`. Bucket i of schema s holds (2^((i-1)/2^s), 2^(i/2^s)]; of custom bounds, (bounds[i-1],
/// bounds[i]].
struct Buckets {
  std::vector<std::int32_t> index;
  std::vector<double> count;

  std::size_t size() const { return count.size(); }
  bool empty() const { return count.empty(); }
};

/// One bucket with its bounds. An inclusive bound belongs to the bucket.
struct Bucket {
  double lower = 0;
  double upper = 0;
  bool lower_inclusive = false;
  bool upper_inclusive = true;
  double count = 0;
};

/// What happened while two histograms were combined: the engine turns it into annotations.
struct CombineInfo {
  bool incompatible = false;       // exponential and custom buckets: nothing was changed
  bool hint_collision = false;     // "reset" met "not reset": the hint is now unknown
  bool bounds_reconciled = false;  // custom bounds differed: the result has those they share
};

struct FloatHistogram {
  ResetHint reset_hint = ResetHint::kUnknown;
  int schema = 0;
  double zero_threshold =
      0;  // observations in [-zero_threshold, zero_threshold] are in the zero bucket
  double zero_count = 0;
  double count = 0;
  double sum = 0;
  Buckets positive;
  Buckets negative;  // bucket i holds the mirror image of positive bucket i
  std::shared_ptr<const std::vector<double>>
      custom_bounds;  // upper bounds, ascending, without +Inf; null = none

  /// In memory, about.
  std::size_t bytes() const {
    return sizeof *this + (positive.size() + negative.size()) * (sizeof(double) + 4);
  }
  bool UsesCustomBuckets() const { return schema == kCustomSchema; }
  std::span<const double> bounds() const;
  /// Whether this sample marks the end of its series (the sum is the staleness marker).
  bool IsStale() const;
  /// Whether any count, bucket or the sum is infinite.
  bool HasOverflow() const;

  /// The same data: every float by its bits, empty buckets and the layout included, the hint not.
  bool Equals(const FloatHistogram& other) const;
  /// Drops empty buckets. Arithmetic leaves some; PromQL drops them from its results.
  void Compact();
  /// Merges buckets down to a coarser exponential schema. False, and nothing changes, if that is
  /// not one.
  bool ReduceResolution(int target_schema);

  /// Scales everything but the bucket layout; a negative factor makes it a gauge. Unary minus is
  /// Mul(-1).
  void Mul(double factor);
  /// Divides likewise; division by zero leaves ±Inf or NaN in the totals and drops the buckets.
  void Div(double divisor);

  /// Adds or subtracts with layouts reconciled: the larger zero bucket, the coarser schema, the
  /// shared custom bounds. The hint follows Prometheus's rules for both; PromQL's binary `-` then
  /// makes its result a gauge.
  CombineInfo Add(const FloatHistogram& other);
  CombineInfo Sub(const FloatHistogram& other);

  /// Whether a counter was reset between `previous` and this sample: by the hint, else because some
  /// count fell or the layout changed as only a restart changes it.
  bool DetectReset(const FloatHistogram& previous) const;

  /// The hint with an unknown one settled by DetectReset, as histogram_count and its like see it;
  /// `previous` may be null.
  ResetHint SettledHint(const FloatHistogram* previous) const;
  /// The hint this sample would have when read back from Prometheus's storage, where `previous` is
  /// the histogram stored before it, or null: "not reset" if it continues that one in the same
  /// layout, else unknown. Gauges stay gauges.
  ResetHint StoredHint(const FloatHistogram* previous) const;

  /// Bucket `i` of positive, negative (0 is the one next to zero), and the zero bucket.
  Bucket PositiveBucket(std::size_t i) const;
  Bucket NegativeBucket(std::size_t i) const;
  Bucket ZeroBucket() const;
};

/// All buckets in ascending order: negative, zero if populated, positive; clipped where they
/// overlap the zero bucket. Walk it from the end for descending order. The histogram must outlive
/// it.
class AllBuckets {
 public:
  explicit AllBuckets(const FloatHistogram& histogram);
  std::size_t size() const { return size_; }
  Bucket operator[](std::size_t i) const;

 private:
  const FloatHistogram& histogram_;
  std::size_t negatives_;
  std::size_t zeros_;
  std::size_t size_;
};

/// The upper bound of positive bucket `index` of an exponential schema. The last finite one is the
/// largest double, so that the one after it holds infinite observations alone. Correctly rounded.
double ExponentialBound(std::int64_t index, int schema);
/// The bucket of a coarser schema that holds bucket `index` of a finer one.
std::int32_t CoarserIndex(std::int32_t index, int from_schema, int to_schema);

/// Whether both have the same layout and, within `epsilon` relative to the sum of the two, the same
/// numbers; NaN equals NaN, but for the staleness marker. How Prometheus's test scripts compare,
/// after Compact.
bool AlmostEqual(const FloatHistogram& a, const FloatHistogram& b, double epsilon);

}  // namespace tierwatch::series
