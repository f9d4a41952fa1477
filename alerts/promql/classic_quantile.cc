#include "alerts/promql/classic_quantile.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "alerts/series/sample.h"

namespace tierwatch::promql {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kSmallDelta = 1e-12;  // what floats lose when counts are added up in another order

// By bound, buckets of one bound joined. False where the last one isn't +Inf.
bool Order(std::vector<ClassicBucket>& buckets) {
  const auto before = [](const ClassicBucket& a, const ClassicBucket& b) {
    return a.upper_bound < b.upper_bound;
  };
  if (!std::is_sorted(buckets.begin(), buckets.end(), before))
    std::sort(buckets.begin(), buckets.end(), before);
  if (buckets.back().upper_bound != kInf) return false;
  std::size_t last = 0;
  for (std::size_t i = 1; i < buckets.size(); ++i) {
    if (buckets[i].upper_bound == buckets[last].upper_bound) {
      buckets[last].count += buckets[i].count;
    } else {
      buckets[++last] = buckets[i];
    }
  }
  buckets.resize(last + 1);
  return true;
}

void MakeMonotonic(std::vector<ClassicBucket>& buckets, ClassicQuantile& result) {
  result.least_bucket = kInf;
  result.greatest_bucket = -kInf;
  double before = buckets[0].count;
  for (std::size_t i = 1; i < buckets.size(); ++i) {
    ClassicBucket& bucket = buckets[i];
    if (AlmostEqual(before, bucket.count, kSmallDelta)) {
      bucket.count = before;
    } else if (bucket.count < before) {
      result.forced_monotonic = true;
      result.least_bucket = std::min(result.least_bucket, bucket.upper_bound);
      result.greatest_bucket = std::max(result.greatest_bucket, bucket.upper_bound);
      result.greatest_difference = std::max(result.greatest_difference, before - bucket.count);
      bucket.count = before;
    } else {
      before = bucket.count;
    }
  }
}

double Interpolate(double q, const std::vector<ClassicBucket>& buckets) {
  const double observations = buckets.back().count;
  if (buckets.size() < 2 || observations == 0) return series::OrdinaryNan();
  const double rank = q * observations;
  const auto at = std::find_if(buckets.begin(), buckets.end() - 1,
                               [&](const ClassicBucket& bucket) { return bucket.count >= rank; });
  if (at == buckets.end() - 1) return buckets[buckets.size() - 2].upper_bound;
  if (at == buckets.begin() && at->upper_bound <= 0) return at->upper_bound;
  const ClassicBucket before = at == buckets.begin() ? ClassicBucket{} : *(at - 1);
  return before.upper_bound + (at->upper_bound - before.upper_bound) *
                                  ((rank - before.count) / (at->count - before.count));
}

}  // namespace

bool AlmostEqual(double a, double b, double epsilon) {
  if (series::IsStale(a) || series::IsStale(b)) return series::IsStale(a) && series::IsStale(b);
  if (std::isnan(a) && std::isnan(b)) return true;
  if (a == b) return true;
  const double sum = std::abs(a) + std::abs(b);
  const double difference = std::abs(a - b);
  constexpr double kLeastNormal = std::numeric_limits<double>::min();
  if (a == 0 || b == 0 || sum < kLeastNormal) return difference < epsilon * kLeastNormal;
  return difference / std::min(sum, std::numeric_limits<double>::max()) < epsilon;
}

ClassicQuantile QuantileOf(double q, std::vector<ClassicBucket>& buckets) {
  ClassicQuantile result;
  if (std::isnan(q) || q < 0 || q > 1) {
    result.value = std::isnan(q) ? series::OrdinaryNan() : q < 0 ? -kInf : kInf;
    return result;
  }
  if (!Order(buckets)) {
    result.value = series::OrdinaryNan();
    return result;
  }
  MakeMonotonic(buckets, result);
  result.value = Interpolate(q, buckets);
  return result;
}

double FractionOf(double lower, double upper, std::vector<ClassicBucket>& buckets) {
  if (!Order(buckets)) return series::OrdinaryNan();
  const double observations = buckets.back().count;
  if (observations == 0 || std::isnan(lower) || std::isnan(upper)) return series::OrdinaryNan();
  if (lower >= upper) return 0;
  // The number of observations below `value`.
  const auto rank = [&](double value) {
    double bound = buckets[0].upper_bound <= 0 ? -kInf : 0;
    double below = 0;
    for (const ClassicBucket& bucket : buckets) {
      if (bound >= value) return below;
      if (bucket.upper_bound > value) {
        if (bound == -kInf) return bucket.count;
        return below + (bucket.count - below) * (value - bound) / (bucket.upper_bound - bound);
      }
      below = bucket.count;
      bound = bucket.upper_bound;
    }
    return observations;
  };
  return (std::min(rank(upper), observations) - std::min(rank(lower), observations)) / observations;
}

}  // namespace tierwatch::promql
