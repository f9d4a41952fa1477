// What a function or an operator was given: for telling why its results differ.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <utility>

#include "tests/live/promql_differential/engines.h"

namespace tierwatch {

/// An element of a vector at a time: its labels, but for the metric's name.
using ElementKey = std::pair<TimestampMs, Labels>;

/// The name of the function, aggregation or (first) operator that a part is of.
std::string NameOf(const Derivation& part);

/// All operands of the part at each of its times, as vectors or matrices.
std::vector<std::pair<TimestampMs, Answer>> OperandsOf(const Engines& engines,
                                                       const Finding& finding);

/// The elements for which any operand is a histogram or a range that holds one.
std::set<ElementKey> HistogramOperands(const Engines& engines, const Finding& finding);

/// `answer` without some of its points.
Answer Without(Answer answer,
               const std::function<bool(const Labels& labels, const Answer::Point& point)>& drop);

Labels WithoutName(Labels labels);

}  // namespace tierwatch
