// Native histograms as text: the literals of Prometheus's test scripts, and the form it shows to
// people.
#pragma once

#include <string>
#include <string_view>

#include "alerts/series/float_histogram.h"
#include "base/result.h"

namespace tierwatch::series {

/// Reads `{{schema:0 sum:5 count:4 buckets:[1 2 1]}}`. Keys, each at most once: schema, sum, count,
/// z_bucket, z_bucket_w, offset, buckets, n_offset, n_buckets, custom_values, counter_reset_hint
/// (unknown, reset, not_reset, gauge). Counts may be negative or NaN, as in expected results; a
/// layout that no histogram can have is an error.
Result<FloatHistogram> ParseHistogramLiteral(std::string_view text);
/// The shortest literal that reads back as the same histogram, empty buckets at either end left
/// out.
std::string PrintHistogramLiteral(const FloatHistogram& histogram);

/// `{count:4, sum:5, (0.5,1]:1, (1,2]:2}`: populated buckets in ascending order, brackets at
/// inclusive bounds.
std::string PrintHistogram(const FloatHistogram& histogram);

}  // namespace tierwatch::series
