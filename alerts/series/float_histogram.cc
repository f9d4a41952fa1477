#include "alerts/series/float_histogram.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>

namespace tierwatch::series {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr std::uint64_t kStaleSumBits = 0x7ff0000000000002;

bool SameBits(double a, double b) {
  return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
}

bool SameBuckets(const Buckets& a, const Buckets& b) {
  return a.index == b.index &&
         std::equal(a.count.begin(), a.count.end(), b.count.begin(), b.count.end(), SameBits);
}

bool AnyInfinite(const std::vector<double>& values) {
  return std::any_of(values.begin(), values.end(), [](double v) { return std::isinf(v); });
}

void DropEmpty(Buckets& buckets) {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    if (buckets.count[i] == 0) continue;
    buckets.index[kept] = buckets.index[i];
    buckets.count[kept++] = buckets.count[i];
  }
  buckets.index.resize(kept);
  buckets.count.resize(kept);
}

/// 2^(i/256) / 2: the bounds inside one power of two at the finest schema; coarser ones take every
/// 2nd, 4th, …
const std::array<double, 256>& FinestBounds() {
  static const auto table = [] {
    std::array<double, 256> bounds{};
    for (std::size_t i = 0; i < bounds.size(); ++i) {
      // Rounded once, from a wider type: exp2 of a double may be off by its last bit.
      bounds[i] = static_cast<double>(std::exp2(static_cast<long double>(i) / 256.0L - 1.0L));
    }
    return bounds;
  }();
  return table;
}

/// Bound number `index` of custom bounds, with the implied infinities at both ends.
double CustomBound(std::span<const double> bounds, std::int64_t index) {
  if (index < 0) return -kInf;
  if (index >= static_cast<std::int64_t>(bounds.size())) return kInf;
  return bounds[static_cast<std::size_t>(index)];
}

bool Almost(double a, double b, double epsilon) {
  if (SameBits(a, b)) return true;
  if (std::bit_cast<std::uint64_t>(a) == kStaleSumBits ||
      std::bit_cast<std::uint64_t>(b) == kStaleSumBits) {
    return false;
  }
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
  if (a == b) return true;
  const double total = std::abs(a) + std::abs(b);
  const double difference = std::abs(a - b);
  if (a == 0 || b == 0 || total < std::numeric_limits<double>::min()) {
    return difference < epsilon * std::numeric_limits<double>::min();
  }
  return difference / std::min(total, std::numeric_limits<double>::max()) < epsilon;
}

bool AlmostBuckets(const Buckets& a, const Buckets& b, double epsilon) {
  return a.index == b.index &&
         std::equal(a.count.begin(), a.count.end(), b.count.begin(), b.count.end(),
                    [epsilon](double x, double y) { return Almost(x, y, epsilon); });
}

}  // namespace

double ExponentialBound(std::int64_t index, int schema) {
  // Far outside of what doubles can express every bound is 0 or infinity; the clamp keeps the
  // shifts defined.
  index = std::clamp<std::int64_t>(index, -(1 << 24), 1 << 24);
  std::int64_t exponent = 0;
  double fraction = 0.5;
  if (schema <= 0) {
    exponent = index * (std::int64_t{1} << -schema) + 1;
  } else {
    const std::int64_t per_octave = std::int64_t{1} << schema;
    const std::int64_t inside = index & (per_octave - 1);
    exponent = (index >> schema) + 1;
    fraction = FinestBounds()[static_cast<std::size_t>(inside << (kMaxSchema - schema))];
  }
  if (fraction == 0.5 && exponent == 1025) return std::numeric_limits<double>::max();
  return std::ldexp(fraction, static_cast<int>(std::clamp<std::int64_t>(exponent, -5000, 5000)));
}

std::int32_t CoarserIndex(std::int32_t index, int from_schema, int to_schema) {
  return static_cast<std::int32_t>(((std::int64_t{index} - 1) >> (from_schema - to_schema)) + 1);
}

std::span<const double> FloatHistogram::bounds() const {
  return custom_bounds ? std::span<const double>(*custom_bounds) : std::span<const double>();
}

bool FloatHistogram::IsStale() const { return std::bit_cast<std::uint64_t>(sum) == kStaleSumBits; }

bool FloatHistogram::HasOverflow() const {
  return std::isinf(zero_count) || std::isinf(count) || std::isinf(sum) ||
         AnyInfinite(positive.count) || AnyInfinite(negative.count);
}

bool FloatHistogram::Equals(const FloatHistogram& other) const {
  return schema == other.schema && SameBits(count, other.count) && SameBits(sum, other.sum) &&
         zero_threshold == other.zero_threshold && SameBits(zero_count, other.zero_count) &&
         std::ranges::equal(bounds(), other.bounds()) && SameBuckets(negative, other.negative) &&
         SameBuckets(positive, other.positive);
}

void FloatHistogram::Compact() {
  DropEmpty(positive);
  DropEmpty(negative);
}

void FloatHistogram::Mul(double factor) {
  zero_count *= factor;
  count *= factor;
  sum *= factor;
  for (double& bucket : positive.count) bucket *= factor;
  for (double& bucket : negative.count) bucket *= factor;
  if (factor < 0) reset_hint = ResetHint::kGauge;
}

void FloatHistogram::Div(double divisor) {
  zero_count /= divisor;
  count /= divisor;
  sum /= divisor;
  if (divisor == 0) {
    positive = {};
    negative = {};
    return;
  }
  for (double& bucket : positive.count) bucket /= divisor;
  for (double& bucket : negative.count) bucket /= divisor;
  if (divisor < 0) reset_hint = ResetHint::kGauge;
}

Bucket FloatHistogram::PositiveBucket(std::size_t i) const {
  const std::int64_t index = positive.index[i];
  Bucket bucket;
  bucket.count = positive.count[i];
  if (UsesCustomBuckets()) {
    bucket.lower = CustomBound(bounds(), index - 1);
    bucket.upper = CustomBound(bounds(), index);
    bucket.lower_inclusive = index == 0;
  } else {
    bucket.lower = ExponentialBound(index - 1, schema);
    bucket.upper = ExponentialBound(index, schema);
  }
  return bucket;
}

Bucket FloatHistogram::NegativeBucket(std::size_t i) const {
  const std::int64_t index = negative.index[i];
  return {-ExponentialBound(index, schema), -ExponentialBound(index - 1, schema), true, false,
          negative.count[i]};
}

Bucket FloatHistogram::ZeroBucket() const {
  return {-zero_threshold, zero_threshold, true, true, zero_count};
}

AllBuckets::AllBuckets(const FloatHistogram& histogram)
    : histogram_(histogram),
      negatives_(histogram.UsesCustomBuckets() ? 0 : histogram.negative.size()),
      zeros_(histogram.zero_count > 0 ? 1 : 0),
      size_(negatives_ + zeros_ + histogram.positive.size()) {}

Bucket AllBuckets::operator[](std::size_t i) const {
  const double zero = histogram_.zero_threshold;
  if (i < negatives_) {
    Bucket bucket = histogram_.NegativeBucket(negatives_ - 1 - i);
    if (bucket.upper > -zero) bucket.upper = -zero;
    return bucket;
  }
  if (i < negatives_ + zeros_) return histogram_.ZeroBucket();
  Bucket bucket = histogram_.PositiveBucket(i - negatives_ - zeros_);
  if (bucket.lower > 0 && bucket.lower < zero) bucket.lower = zero;
  return bucket;
}

bool AlmostEqual(const FloatHistogram& a, const FloatHistogram& b, double epsilon) {
  return a.schema == b.schema && Almost(a.count, b.count, epsilon) &&
         Almost(a.sum, b.sum, epsilon) && a.zero_threshold == b.zero_threshold &&
         Almost(a.zero_count, b.zero_count, epsilon) &&
         std::ranges::equal(a.bounds(), b.bounds()) &&
         AlmostBuckets(a.negative, b.negative, epsilon) &&
         AlmostBuckets(a.positive, b.positive, epsilon);
}

}  // namespace tierwatch::series
