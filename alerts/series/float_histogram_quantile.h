// What PromQL reads off one native histogram: quantiles, fractions, mean, variance, and the parts
// below or above a value.
//
// Inside a bucket observations are taken to lie evenly: on a logarithmic scale in exponential
// buckets, on a linear one in the zero bucket and between custom bounds, as in classic histograms.
#pragma once

#include "alerts/series/float_histogram.h"

namespace tierwatch::series {

/// What observations of NaN, which are in no bucket, did to a result. None if there are none.
enum class NanNote { kNone, kResultIsNan, kSkewedHigher };

struct Quantile {
  double value = 0;
  NanNote note = NanNote::kNone;
};

/// The q-quantile. -Inf for q < 0, +Inf for q > 1, NaN for q = NaN or a histogram without
/// observations.
Quantile HistogramQuantile(double q, const FloatHistogram& histogram);

struct Fraction {
  double value = 0;
  bool nan_observations = false;  // they are excluded from every fraction
};

/// The share of observations between two bounds. NaN without observations or for a bound that is
/// NaN.
Fraction HistogramFraction(double lower, double upper, const FloatHistogram& histogram);

/// Sum by count; NaN of an empty histogram.
double HistogramAverage(const FloatHistogram& histogram);
/// The estimated variance, every observation taken to be in the middle of its bucket. Its root is
/// the deviation.
double HistogramVariance(const FloatHistogram& histogram);

/// PromQL's `histogram </ value`: the observations up to it; count and sum are estimated anew if
/// anything goes.
FloatHistogram TrimUpper(const FloatHistogram& histogram, double value);
/// PromQL's `histogram >/ value`: the observations from it on.
FloatHistogram TrimLower(const FloatHistogram& histogram, double value);

}  // namespace tierwatch::series
