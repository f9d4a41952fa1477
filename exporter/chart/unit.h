// What the values of an expression are measured in, and the marks of an axis in that unit.
#pragma once

#include <string>
#include <vector>

#include "alerts/promql/promql.h"
#include "alerts/rules/signals.h"

namespace tierwatch {

/// By the names of the metrics, which end in their unit, and what is done with them: a rate of
/// seconds is a ratio, a quantile of buckets has the buckets' unit, bytes by bytes are a ratio.
/// kCount where it can't be told.
Unit UnitOf(const promql::Expr& expr);

/// For people: "12 ms", "1.5 GiB", "35 %", "12 k".
std::string FormatValue(double value, Unit unit);

/// Round values from at most `low` to at least `high`, a handful of them, evenly apart. Both must
/// be finite, low < high.
std::vector<double> AxisMarks(double low, double high, Unit unit);

}  // namespace tierwatch
