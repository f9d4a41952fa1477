#include "alerts/series/histogram_sum.h"

#include <cmath>

#include "alerts/series/float_histogram_merge.h"

namespace tierwatch::series {
namespace {

/// More than any number of a histogram, and than any that merging its buckets can make.
double Magnitude(const FloatHistogram& histogram) {
  double total = std::abs(histogram.count) + std::abs(histogram.sum);
  total += std::abs(histogram.zero_count);
  for (const double bucket : histogram.positive.count) total += std::abs(bucket);
  for (const double bucket : histogram.negative.count) total += std::abs(bucket);
  return total;
}

}  // namespace

HistogramSum::HistogramSum(const FloatHistogram& first) : sum_(first), lost_(LostOf(first)) {}

CombineInfo HistogramSum::Add(const FloatHistogram& other) { return Merge(sum_, &lost_, other, 1); }

void HistogramSum::Mul(double factor) {
  sum_.Mul(factor);
  lost_.Mul(factor);
}

void HistogramSum::Div(double divisor) {
  sum_.Div(divisor);
  lost_.Div(divisor);
}

FloatHistogram HistogramSum::Value() const {
  FloatHistogram value = sum_;
  value.count += lost_.count;
  value.sum += lost_.sum;
  value.zero_count += lost_.zero_count;
  for (std::size_t i = 0; i < value.positive.size(); ++i) {
    value.positive.count[i] += lost_.positive.count[i];
  }
  for (std::size_t i = 0; i < value.negative.size(); ++i) {
    value.negative.count[i] += lost_.negative.count[i];
  }
  return value;
}

HistogramMean::HistogramMean(const FloatHistogram& first)
    : sum_(first), magnitude_(Magnitude(first)) {}

CombineInfo HistogramMean::Add(const FloatHistogram& other) {
  if (sum_.rounded().UsesCustomBuckets() != other.UsesCustomBuckets()) {
    return CombineInfo{.incompatible = true};
  }
  ++number_;
  if (moving_) return Move(other);
  magnitude_ += Magnitude(other);
  if (std::isfinite(magnitude_)) return sum_.Add(other);

  HistogramSum attempt = sum_;
  const CombineInfo info = attempt.Add(other);
  if (!attempt.rounded().HasOverflow()) {
    sum_ = std::move(attempt);
    return info;
  }
  moving_ = true;
  sum_.Div(number_ - 1);
  return Move(other);
}

CombineInfo HistogramMean::Move(const FloatHistogram& other) {
  FloatHistogram share = other;
  share.Div(number_);
  sum_.Mul((number_ - 1) / number_);
  return sum_.Add(share);
}

FloatHistogram HistogramMean::Value() const {
  HistogramSum mean = sum_;
  if (!moving_) mean.Div(number_);
  return mean.Value();
}

}  // namespace tierwatch::series
