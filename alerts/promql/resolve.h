// Settles what a query's own times decide: durations, @ start() and end(), query functions, and
// what is the same at every step.
#pragma once

#include "alerts/promql/ast.h"
#include "base/clock.h"
#include "base/result.h"

namespace tierwatch::promql {

class CommonParts;  // alerts/promql/common.h

/// The times of a query as its text may ask for them; `step` is 0 for an instant query.
struct QueryTimes {
  TimestampMs start = 0;
  TimestampMs end = 0;
  Millis step{0};
};

struct Resolved {
  ExprPtr expr;
  int nodes = 0;  // Expr::id counts from 0 to nodes - 1
};

/// A tree without duration expressions, @ start(), @ end(), start(), end(), range(), step(), in
/// which StepInvariant wraps the highest subtrees that don't depend on the step. Source:
/// Prometheus 3.14, PreprocessExpr.
/// With `common`, equal subtrees are one node, within the tree and with all others of that
/// `common`, which numbers the nodes.
Result<Resolved> Resolve(const ExprPtr& expr, const QueryTimes& times,
                         CommonParts* common = nullptr);

}  // namespace tierwatch::promql
