// What rules ask of the world and what they write: the seams between rules, the PromQL engine and
// the store.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "alerts/promql/promql.h"
#include "base/clock.h"
#include "base/labels.h"
#include "base/result.h"

namespace tierwatch {

/// Evaluates an expression at one time to a vector; a scalar becomes one sample without labels.
using RuleQuery = std::function<Result<promql::Vector>(const promql::ExprPtr&, TimestampMs)>;

/// A RuleQuery over an engine and a store, both of which must outlive it. A string or range vector
/// is an error.
RuleQuery MakeRuleQuery(const promql::Engine& engine, const series::Queryable& storage);

/// A sample that a rule gives: its recorded series, `ALERTS` or `ALERTS_FOR_STATE`.
struct OutputSample {
  Labels labels;  // with `__name__`
  TimestampMs time = 0;
  std::optional<double> value;  // absent: the series ended, a staleness marker
};

/// Called after every rule, before the next one of its group is evaluated. What it is given must be
/// seen by the queries that follow.
using SeriesSink = std::function<void(const std::vector<OutputSample>&)>;

}  // namespace tierwatch
