// Which values an expression can give before anything is evaluated.
#pragma once

#include <limits>

#include "alerts/promql/promql.h"

namespace tierwatch {

/// Every value that is a number lies within; empty where `low` > `high`.
struct ValueRange {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  bool IsConstant() const { return low == high; }
};

/// Of a scalar or vector. Histograms and NaN are left out of account: no ordering comparison holds
/// for them.
ValueRange InferRange(const promql::Expr& expr);

}  // namespace tierwatch
