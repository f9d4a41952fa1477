// Quantiles and fractions of classic histograms: series with a label `le`.
#pragma once

#include <vector>

namespace tierwatch::promql {

struct ClassicBucket {
  double upper_bound = 0;
  double count = 0;  // cumulative
};

/// What a quantile is, and whether counts had to be corrected on the way: they may not fall from
/// bucket to bucket.
struct ClassicQuantile {
  double value = 0;
  bool forced_monotonic = false;
  double least_bucket = 0, greatest_bucket = 0, greatest_difference = 0;  // of the corrected ones
};

/// Linear inside of a bucket. NaN without a +Inf bucket, observations or a second bucket; ∓Inf for
/// q outside of [0, 1]. Source: Prometheus 3.14, BucketQuantile. At least one bucket, in any order;
/// they are put in order and made monotonic.
ClassicQuantile QuantileOf(double q, std::vector<ClassicBucket>& buckets);

/// The share of observations between two values. Source: BucketFraction. At least one bucket, in
/// any order.
double FractionOf(double lower, double upper, std::vector<ClassicBucket>& buckets);

/// Equal up to a relative difference of `epsilon` of the sum. Source: util/almost. NaN equals NaN.
bool AlmostEqual(double a, double b, double epsilon);

}  // namespace tierwatch::promql
