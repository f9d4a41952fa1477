// Functions over instant vectors that treat each float by itself.
#pragma once

#include <utility>

#include "alerts/promql/evaluator.h"
#include "alerts/promql/functions.h"
#include "alerts/promql/value.h"

namespace tierwatch::promql {

/// Replaces every float by map(step, float); histograms and series without floats go.
template <class Map>
StepVector MapFloats(const Evaluator& evaluator, StepVector vector, Map map) {
  StepVector out;
  for (StepSeries& series : vector) {
    bool any = false;
    for (std::size_t step = 0; step < series.values.size(); ++step) {
      if (series.HasFloat(step)) {
        series.values[step] = map(step, series.values[step]);
        any = true;
      } else {
        series.values[step] = Absent();
      }
    }
    if (!any) continue;
    series.histograms.clear();
    evaluator.DropName(series);
    out.push_back(std::move(series));
  }
  return out;
}

/// The implementation of a row whose function maps one float to another.
template <double (*kMap)(double)>
Result<Value> Mapped(Evaluator& evaluator, const Expr&, const Call& call) {
  Result<StepVector> vector = evaluator.Vector(*call.args[0]);
  if (!vector.ok()) return vector.error();
  return Value{MapFloats(evaluator, std::move(vector).value(),
                         [](std::size_t, double v) { return kMap(v); })};
}

}  // namespace tierwatch::promql
