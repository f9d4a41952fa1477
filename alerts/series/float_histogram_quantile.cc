#include "alerts/series/float_histogram_quantile.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "alerts/series/float_histogram_merge.h"

namespace tierwatch::series {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

bool HoldsZero(const Bucket& bucket) { return bucket.lower <= 0 && bucket.upper >= 0; }

/// Observations of one sign leave half of the zero bucket empty: the bucket ends at zero.
void CutZeroBucket(const FloatHistogram& histogram, Bucket& bucket) {
  if (histogram.negative.empty() && !histogram.positive.empty()) bucket.lower = 0;
  if (histogram.positive.empty() && !histogram.negative.empty()) bucket.upper = 0;
}

double BucketTotal(const FloatHistogram& histogram) {
  double total = histogram.zero_count > 0 ? histogram.zero_count : 0;
  for (const double bucket : histogram.negative.count) total += bucket;
  for (const double bucket : histogram.positive.count) total += bucket;
  return total;
}

/// A sum of NaN comes from observing NaN, unless the buckets hold all: then it came from observing
/// both infinities.
bool HasNanObservations(const FloatHistogram& histogram) {
  return std::isnan(histogram.sum) && BucketTotal(histogram) < histogram.count;
}

/// The bucket in which a rank falls, counted from one end, and how many observations are in it and
/// before it.
struct Found {
  Bucket bucket;
  double reached = 0;
};

Found FindRank(const FloatHistogram& histogram, double rank, bool forward) {
  const AllBuckets buckets(histogram);
  Found found;
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    const Bucket bucket = buckets[forward ? i : buckets.size() - 1 - i];
    if (bucket.count == 0) continue;
    found.bucket = bucket;
    found.reached += bucket.count;
    if (found.reached >= rank) break;
  }
  return found;
}

double Interpolate(const Bucket& bucket, double fraction, bool linear) {
  if (linear) return bucket.lower + (bucket.upper - bucket.lower) * fraction;
  const double log_lower = std::log2(std::abs(bucket.lower));
  const double log_upper = std::log2(std::abs(bucket.upper));
  if (bucket.lower > 0) return std::exp2(log_lower + (log_upper - log_lower) * fraction);
  return -std::exp2(log_upper + (log_lower - log_upper) * (1 - fraction));
}

/// How much of a bucket lies below a value inside it: 0 to 1.
double FractionBelow(const Bucket& bucket, double value, bool linear) {
  if (linear) {
    // Of a bucket without a lower end, nothing is known to lie above a value.
    if (bucket.lower == -kInf) return 1;
    return (value - bucket.lower) / (bucket.upper - bucket.lower);
  }
  const double log_lower = std::log2(std::abs(bucket.lower));
  const double log_upper = std::log2(std::abs(bucket.upper));
  const double log_value = std::log2(std::abs(value));
  if (value > 0) return (log_value - log_lower) / (log_upper - log_lower);
  return 1 - (log_value - log_upper) / (log_lower - log_upper);
}

/// Observations below a value; a value beyond all buckets has all of them below.
double RankOf(const FloatHistogram& histogram, double value) {
  const AllBuckets buckets(histogram);
  double rank = 0;
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    Bucket bucket = buckets[i];
    bool linear = histogram.UsesCustomBuckets();
    if (linear) {
      if (bucket.lower == -kInf && bucket.upper > 0) bucket.lower = 0;
    } else if (HoldsZero(bucket)) {
      linear = true;
      CutZeroBucket(histogram, bucket);
    }
    if (bucket.lower >= value) return std::min(rank, histogram.count);
    if (bucket.upper > value) {
      return std::min(rank + bucket.count * FractionBelow(bucket, value, linear), histogram.count);
    }
    rank += bucket.count;
  }
  return histogram.count;
}

}  // namespace

Quantile HistogramQuantile(double q, const FloatHistogram& histogram) {
  if (q < 0) return {-kInf};
  if (q > 1) return {kInf};
  if (histogram.count == 0 || std::isnan(q)) return {kNan};

  // From the nearer end, where less rounding adds up; observed NaNs count, so to speak, above all
  // buckets.
  const bool forward = std::isnan(histogram.sum) || q < 0.5;
  double rank = (forward ? q : 1 - q) * histogram.count;
  auto [bucket, reached] = FindRank(histogram, rank, forward);
  if (histogram.UsesCustomBuckets()) {
    if (bucket.lower == -kInf) {
      if (bucket.upper <= 0) return {bucket.upper};
      bucket.lower = 0;
    } else if (bucket.upper == kInf) {
      return {bucket.lower};
    }
  } else if (bucket.lower < 0 && bucket.upper > 0) {
    CutZeroBucket(histogram, bucket);
  }
  reached = std::min(reached, histogram.count);
  if (reached < rank) {
    if (std::isnan(histogram.sum)) return {kNan, NanNote::kResultIsNan};
    return {bucket.upper};  // counts that do not add up
  }
  rank = forward ? rank - (reached - bucket.count) : reached - rank;
  const bool linear = histogram.UsesCustomBuckets() || HoldsZero(bucket);
  const NanNote note = HasNanObservations(histogram) ? NanNote::kSkewedHigher : NanNote::kNone;
  return {Interpolate(bucket, rank / bucket.count, linear), note};
}

Fraction HistogramFraction(double lower, double upper, const FloatHistogram& histogram) {
  if (histogram.count == 0 || std::isnan(lower) || std::isnan(upper)) return {kNan};
  const bool nan_observations = HasNanObservations(histogram);
  if (lower >= upper) return {0, nan_observations};
  // Where NaNs were observed, no bucket holds them: what is above all buckets is not below
  // infinity.
  const double all = nan_observations ? BucketTotal(histogram) : histogram.count;
  const double below_lower = std::min(RankOf(histogram, lower), all);
  const double below_upper = std::min(RankOf(histogram, upper), all);
  return {(below_upper - below_lower) / histogram.count, nan_observations};
}

double HistogramAverage(const FloatHistogram& histogram) { return histogram.sum / histogram.count; }

double HistogramVariance(const FloatHistogram& histogram) {
  const double mean = HistogramAverage(histogram);
  double variance = 0;
  double lost = 0;
  const AllBuckets buckets(histogram);
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    const Bucket bucket = buckets[i];
    if (bucket.count == 0) continue;
    double middle = 0;
    if (histogram.UsesCustomBuckets()) {
      middle = (bucket.upper + bucket.lower) / 2;
    } else if (!HoldsZero(bucket)) {
      middle = std::copysign(std::sqrt(bucket.upper * bucket.lower), bucket.upper);
    }
    const double distance = middle - mean;
    Accumulate(bucket.count * distance * distance, variance, &lost);
  }
  return (variance + lost) / histogram.count;
}

}  // namespace tierwatch::series
