// Functions over instant vectors that treat each float by itself.
#pragma once

#include <utility>

#include "alerts/promql/evaluator.h"
#include "alerts/promql/functions.h"
#include "alerts/promql/value.h"

namespace tierwatch::promql {

/// Replaces every float by map(step, float); histograms go, and names.
template <class Map>
Result<Value> MapFloats(Evaluator& evaluator, const Expr& expr, StepVector vector, Map map) {
  for (std::size_t i = 0; i < vector.size(); ++i) {
    for (std::size_t step = 0; step < vector.steps; ++step) {
      double& value = vector.values[i * vector.steps + step];
      value = vector.HasFloat(i, step) ? map(step, value) : Absent();
    }
  }
  vector.histograms.clear();
  Result<StepVector> renamed = evaluator.DropNames(expr, std::move(vector));
  if (!renamed.ok()) return renamed.error();
  return Value{std::move(renamed).value()};
}

/// The implementation of a row whose function maps one float to another.
template <double (*kMap)(double)>
Result<Value> Mapped(Evaluator& evaluator, const Expr& expr, const Call& call) {
  Result<StepVector> vector = evaluator.Vector(*call.args[0]);
  if (!vector.ok()) return vector.error();
  return MapFloats(evaluator, expr, std::move(vector).value(),
                   [](std::size_t, double v) { return kMap(v); });
}

}  // namespace tierwatch::promql
