// How series are grouped for an aggregation.
#pragma once

#include <cstddef>
#include <vector>

#include "alerts/promql/ast.h"
#include "alerts/promql/evaluator.h"
#include "alerts/promql/value.h"
#include "base/labels.h"

namespace tierwatch::promql {

struct Group {
  Labels labels;
  std::vector<std::size_t> members;  // indices into the vector
};

/// What `by` keeps or `without` leaves.
Labels GroupLabels(const Labels& labels, const Aggregate& node);
/// In the order in which groups first occur.
std::vector<Group> GroupSeries(const StepVector& vector, const Aggregate& node);

/// topk, bottomk, limitk, limit_ratio: elements of every group, as they are.
Result<StepVector> ChooseFromGroups(Evaluator& evaluator, const Expr& expr, const Aggregate& node,
                                    const StepVector& vector, const std::vector<Group>& groups,
                                    const StepScalar& parameter);

}  // namespace tierwatch::promql
