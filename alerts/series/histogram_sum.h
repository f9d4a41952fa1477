// Sums and means of many histograms that lose nothing to rounding: what sum, avg, sum_over_time and
// avg_over_time use.
//
// Every number is summed with Neumaier's compensation, bucket by bucket, as Prometheus's KahanAdd
// does.
#pragma once

#include <cstddef>

#include "alerts/series/float_histogram.h"

namespace tierwatch::series {

/// A running sum. The first histogram settles whether buckets are exponential or custom.
class HistogramSum {
 public:
  explicit HistogramSum(const FloatHistogram& first);
  /// `incompatible` leaves the sum as it was.
  CombineInfo Add(const FloatHistogram& other);
  /// Multiplies what has been summed by a factor that is not negative, or divides it by a positive
  /// one.
  void Mul(double factor);
  void Div(double divisor);
  /// What Value would be before the rounding losses are added back; enough to look at its layout or
  /// its hint.
  const FloatHistogram& rounded() const { return sum_; }
  FloatHistogram Value() const;

 private:
  FloatHistogram sum_;
  FloatHistogram
      lost_;  // what rounding took from each number of sum_; its buckets run parallel to sum_'s
};

/// A running mean: the sum divided by the number of histograms, or, once the sum would overflow, a
/// mean that moves with every histogram.
class HistogramMean {
 public:
  explicit HistogramMean(const FloatHistogram& first);
  CombineInfo Add(const FloatHistogram& other);
  FloatHistogram Value() const;

 private:
  CombineInfo Move(const FloatHistogram& other);

  HistogramSum sum_;  // of all, or already their mean
  double number_ = 1;
  double magnitude_;  // no number of the sum is larger, so only when this overflows can one of them
  bool moving_ = false;
};

/// Notices "reset" and "not reset" among the hints of histograms that are aggregated, whatever
/// their order: PromQL warns of that collision.
class HintCollision {
 public:
  void See(ResetHint hint) {
    reset_ |= hint == ResetHint::kReset;
    not_reset_ |= hint == ResetHint::kNotReset;
  }
  bool found() const { return reset_ && not_reset_; }

 private:
  bool reset_ = false;
  bool not_reset_ = false;
};

}  // namespace tierwatch::series
