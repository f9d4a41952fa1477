// Classic histograms (buckets `le`, cumulative) made into native ones with custom bounds.
#pragma once

#include <optional>
#include <vector>

#include "alerts/series/float_histogram.h"
#include "base/result.h"

namespace tierwatch::series {

struct ClassicBucket {
  double upper_bound = 0;  // the value of `le`
  double count = 0;        // of all observations up to it
};

/// As Prometheus's load_with_nhcb: buckets in any order, of the same bound the first counts;
/// without a +Inf bucket the count is that bucket; without a count the highest bucket gives it.
/// Counts that fall from bucket to bucket, negative or NaN ones, and a count that is not the
/// highest bucket's are errors. Empty buckets are left out.
Result<FloatHistogram> FromClassicBuckets(std::vector<ClassicBucket> buckets,
                                          std::optional<double> count, double sum);

}  // namespace tierwatch::series
