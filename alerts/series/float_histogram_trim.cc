#include <cmath>
#include <limits>

#include "alerts/series/float_histogram_quantile.h"

namespace tierwatch::series {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

/// What stays of a bucket, and where its observations are taken to lie.
struct Kept {
  double count = 0;
  double at = 0;
};

/// A cut through a histogram: keeps what is below `value`, or else what is above.
struct Cut {
  double value;
  bool keep_below;

  bool Keeps(const Bucket& bucket) const {
    return keep_below ? bucket.upper <= value : bucket.lower >= value;
  }
  /// Of a cut at NaN nothing stays; a bucket that is a single point lies above a cut there.
  bool Drops(const Bucket& bucket) const {
    return keep_below ? !(bucket.lower < value) : !(bucket.upper > value || bucket.lower >= value);
  }
};

double Middle(double lower, double upper, bool linear) {
  if (std::isinf(lower)) {
    if (std::isinf(upper)) return 0;
    return upper > 0 ? upper / 2 : upper;
  }
  if (std::isinf(upper)) return lower;
  if (linear) return (lower + upper) / 2;
  return std::copysign(std::sqrt(std::abs(lower * upper)), lower + upper);
}

/// Cuts a bucket without a lower end. With a positive upper bound it is taken to begin at zero;
/// otherwise nothing is known of its inside, and what is left of it is taken to lie at the cut, or
/// is given up.
Kept CutBelowAll(const Bucket& bucket, const Cut& cut) {
  const bool from_zero = bucket.upper > 0 && bucket.upper != kInf;
  if (cut.keep_below) {
    if (from_zero && cut.value > 0) return {bucket.count * cut.value / bucket.upper, cut.value / 2};
    if (bucket.upper <= 0) return {bucket.count, cut.value};
    return {};
  }
  if (from_zero && cut.value >= 0) {
    return {bucket.count * (1 - cut.value / bucket.upper), (cut.value + bucket.upper) / 2};
  }
  return {};
}

/// Cuts a bucket that the value lies inside of.
Kept CutInside(const Bucket& bucket, const Cut& cut, bool linear) {
  if (bucket.lower == -kInf) return CutBelowAll(bucket, cut);
  if (bucket.upper == kInf) return cut.keep_below ? Kept{} : Kept{bucket.count, cut.value};
  double below = 0;
  if (linear) {
    below = (cut.value - bucket.lower) / (bucket.upper - bucket.lower);
  } else {
    const double log_lower = std::log2(std::abs(bucket.lower));
    const double log_upper = std::log2(std::abs(bucket.upper));
    below = (std::log2(std::abs(cut.value)) - log_lower) / (log_upper - log_lower);
  }
  below *= bucket.count;
  if (cut.keep_below) return {below, Middle(bucket.lower, cut.value, linear)};
  return {bucket.count - below, Middle(cut.value, bucket.upper, linear)};
}

Kept CutBucket(const Bucket& bucket, const Cut& cut, bool linear) {
  if (cut.Drops(bucket)) return {};
  if (cut.Keeps(bucket)) return {bucket.count, Middle(bucket.lower, bucket.upper, linear)};
  return CutInside(bucket, cut, linear);
}

/// The zero bucket, which ends at zero if only observations of one sign are known.
Bucket ZeroBucketOf(const FloatHistogram& histogram) {
  const auto populated = [](const Buckets& side) {
    for (const double count : side.count) {
      if (count != 0) return true;
    }
    return false;
  };
  Bucket zero = histogram.ZeroBucket();
  const bool above = populated(histogram.positive);
  const bool below = populated(histogram.negative);
  if (above && !below) zero.lower = 0;
  if (below && !above) zero.upper = 0;
  return zero;
}

FloatHistogram Trim(const FloatHistogram& histogram, const Cut& cut) {
  FloatHistogram trimmed = histogram;
  double count = 0;
  double sum = 0;
  bool changed = false;
  const auto keep = [&](double& stored, const Kept& kept) {
    count += kept.count;
    sum += kept.at * kept.count;
    changed |= stored != kept.count;
    stored = kept.count;
  };
  const bool linear = histogram.UsesCustomBuckets();
  for (std::size_t i = 0; i < histogram.positive.size(); ++i) {
    if (histogram.positive.count[i] == 0) continue;
    keep(trimmed.positive.count[i], CutBucket(histogram.PositiveBucket(i), cut, linear));
  }
  for (std::size_t i = 0; i < histogram.negative.size(); ++i) {
    if (histogram.negative.count[i] == 0) continue;
    keep(trimmed.negative.count[i], CutBucket(histogram.NegativeBucket(i), cut, linear));
  }
  if (histogram.zero_count > 0) {
    keep(trimmed.zero_count, CutBucket(ZeroBucketOf(histogram), cut, true));
  }
  if (!changed) return trimmed;  // count and sum stay exact
  trimmed.count = count;
  trimmed.sum = sum;
  trimmed.Compact();
  return trimmed;
}

}  // namespace

FloatHistogram TrimUpper(const FloatHistogram& histogram, double value) {
  return Trim(histogram, {value, true});
}

FloatHistogram TrimLower(const FloatHistogram& histogram, double value) {
  return Trim(histogram, {value, false});
}

}  // namespace tierwatch::series
