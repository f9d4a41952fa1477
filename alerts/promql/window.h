// Functions over range vectors: each is called with one series' window at one step.
#pragma once

#include <optional>
#include <vector>

#include "alerts/promql/evaluator.h"
#include "alerts/promql/functions.h"
#include "alerts/promql/value.h"
#include "base/labels.h"

namespace tierwatch::promql {

/// The samples of one series in (start, end], or around it for anchored and smoothed selectors.
/// Never empty.
struct Window {
  TimestampMs time = 0;  // of the step
  TimestampMs start = 0;
  TimestampMs end = 0;
  RangeSeries::Floats floats;
  RangeSeries::Histograms histograms;
};

/// What a window function has beside its window.
struct WindowContext {
  Evaluator& evaluator;
  const RangeVector& range;
  const Labels& labels;  // of the series
  Place where;           // of the range argument
  Place first_argument;
  std::vector<double> scalars{};  // the scalar arguments at the step
  std::optional<Error> error{};   // set: the query fails

  Annotations& notes() const { return evaluator.notes(); }
  std::string_view metric() const { return labels.Get(kMetricName); }
  /// Fails the query, and gives no point.
  Point Unsupported(std::string_view what) {
    error = Error{std::string(what) + " is not supported yet"};
    return {};
  }
  double range_seconds() const { return static_cast<double>(range.range) / 1000; }
};

using WindowFunction = Point (*)(const Window& window, WindowContext& context);

/// Calls `function` for every series and step; where it gives an absent point, there is none.
Result<Value> OverWindows(Evaluator& evaluator, const Call& call, WindowFunction function);

/// The implementation of a function's row.
template <WindowFunction kFunction>
Result<Value> Over(Evaluator& evaluator, const Expr&, const Call& call) {
  return OverWindows(evaluator, call, kFunction);
}

/// Compensated addition (Kahan-Babuska, Neumaier): adds to `sum`, what it loses to `compensation`.
void KahanAdd(double value, double& sum, double& compensation);

/// The q-quantile of values, which are sorted on the way; NaN of none.
double Quantile(double q, std::vector<double>& values);

}  // namespace tierwatch::promql
