// Functions over range vectors: each is called with one series' window at one step.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "alerts/promql/evaluator.h"
#include "alerts/promql/functions.h"
#include "alerts/promql/value.h"

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
  Place where;  // of the range argument
  Place first_argument;
  std::size_t series = 0;         // which one of the range
  std::vector<double> scalars{};  // the scalar arguments at the step
  std::optional<Error> error{};   // set: the query fails

  Annotations& notes() const { return evaluator.notes(); }
  std::string_view metric() const { return range.frame->Text(series, series::kNameSymbol); }
  double range_seconds() const { return static_cast<double>(range.range) / 1000; }
};

using WindowFunction = Point (*)(const Window& window, WindowContext& context);

/// The same for all series of a matrix at one step whose window ends at `end`, to the bit: sets
/// their values, but for those that it adds to `left`, by their place in the part.
using MatrixFunction = void (*)(const series::MatrixPart& part, const RangeVector& range,
                                TimestampMs end, std::span<double> values,
                                std::vector<std::uint32_t>& left);

/// Calls `function` for every series and step; where it gives an absent point, there is none.
Result<Value> OverWindows(Evaluator& evaluator, const Expr& expr, const Call& call,
                          WindowFunction function, MatrixFunction of_matrix);

/// The implementation of a function's row.
template <WindowFunction kFunction, MatrixFunction kOfMatrix = nullptr>
Result<Value> Over(Evaluator& evaluator, const Expr& expr, const Call& call) {
  return OverWindows(evaluator, expr, call, kFunction, kOfMatrix);
}

/// Compensated addition (Kahan-Babuska, Neumaier): adds to `sum`, what it loses to `compensation`.
void KahanAdd(double value, double& sum, double& compensation);

/// The q-quantile of values, which are sorted on the way; NaN of none.
double Quantile(double q, std::vector<double>& values);

}  // namespace tierwatch::promql
