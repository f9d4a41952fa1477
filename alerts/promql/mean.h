// The mean of floats, to the last bit that Prometheus gives.
#pragma once

#include <cmath>

#include "alerts/promql/window.h"

namespace tierwatch::promql {

/// A compensated sum divided at the end; once the sum would overflow, a mean that is kept up to
/// date instead. Source: Prometheus 3.14, aggregation avg and avg_over_time.
class RunningMean {
 public:
  void Add(double value) {
    if (++count_ == 1) {
      sum_ = value;
      return;
    }
    if (!incremental_) {
      double next = sum_, compensation = compensation_;
      KahanAdd(value, next, compensation);
      if (!std::isinf(next)) {
        sum_ = next;
        compensation_ = compensation;
        return;
      }
      incremental_ = true;
      mean_ = sum_ / (count_ - 1);
      compensation_ /= count_ - 1;
    }
    const double q = (count_ - 1) / count_;
    mean_ *= q;
    compensation_ *= q;
    KahanAdd(value / count_, mean_, compensation_);
  }
  /// Of at least one value.
  double value() const {
    return incremental_ ? mean_ + compensation_ : sum_ / count_ + compensation_ / count_;
  }

 private:
  double count_ = 0;
  double sum_ = 0;
  double mean_ = 0;  // once incremental
  double compensation_ = 0;
  bool incremental_ = false;
};

}  // namespace tierwatch::promql
