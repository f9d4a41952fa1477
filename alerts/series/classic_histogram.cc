#include "alerts/series/classic_histogram.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

namespace tierwatch::series {
namespace {

Error Bad(std::string_view what) {
  return Error{"classic histogram: " + std::string(what), Reason::kParse};
}

}  // namespace

Result<FloatHistogram> FromClassicBuckets(std::vector<ClassicBucket> buckets,
                                          std::optional<double> count, double sum) {
  for (const ClassicBucket& bucket : buckets) {
    if (std::isnan(bucket.upper_bound)) return Bad("a bound is NaN");
    if (!(bucket.count >= 0)) return Bad("a bucket count is negative or NaN");
  }
  const auto bound = &ClassicBucket::upper_bound;
  std::ranges::stable_sort(buckets, {}, bound);
  const auto repeated = std::ranges::unique(buckets, {}, bound);
  buckets.erase(repeated.begin(), repeated.end());
  if (!std::ranges::is_sorted(buckets, {}, &ClassicBucket::count)) {
    return Bad("bucket counts fall");
  }
  const double highest = buckets.empty() ? 0 : buckets.back().count;
  const double total = count.value_or(highest);
  constexpr double kInf = std::numeric_limits<double>::infinity();
  if (buckets.empty() || buckets.back().upper_bound != kInf) buckets.push_back({kInf, total});
  if (!(total >= highest)) return Bad("the count is below the highest bucket");
  if (buckets.back().count != total) return Bad("the count is not that of the bucket +Inf");

  FloatHistogram histogram;
  histogram.schema = kCustomSchema;
  histogram.count = total;
  histogram.sum = sum;
  std::vector<double> bounds;
  double below = 0;
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    if (i + 1 < buckets.size()) bounds.push_back(buckets[i].upper_bound);
    if (buckets[i].count != below) {
      histogram.positive.index.push_back(static_cast<std::int32_t>(i));
      histogram.positive.count.push_back(buckets[i].count - below);
    }
    below = buckets[i].count;
  }
  histogram.custom_bounds = std::make_shared<const std::vector<double>>(std::move(bounds));
  return histogram;
}

}  // namespace tierwatch::series
