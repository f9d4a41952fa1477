#include "alerts/rules/rule_reach.h"

#include <algorithm>

#include "alerts/promql/ast.h"
#include "base/labels.h"

namespace tierwatch {
namespace {

constexpr Millis kComputed{3'600'000};

Millis LengthOf(const promql::Duration& duration) {
  return duration.expr ? kComputed : std::max(duration.value, Millis(0));
}

RuleReach ReachOfSelector(const promql::VectorSelector& selector) {
  RuleReach reach;
  reach.range = LengthOf(selector.shift.offset);
  reach.any_metric = true;
  for (const series::Matcher& matcher : selector.matchers) {
    if (matcher.name() != kMetricName || matcher.literals().empty()) continue;
    reach.any_metric = false;
    reach.metrics.insert(matcher.literals().begin(), matcher.literals().end());
  }
  return reach;
}

}  // namespace

void RuleReach::Add(const RuleReach& other) {
  metrics.insert(other.metrics.begin(), other.metrics.end());
  any_metric = any_metric || other.any_metric;
  range = std::max(range, other.range);
}

RuleReach ReachOf(const promql::Expr& expr) {
  if (const auto* selector = std::get_if<promql::VectorSelector>(&expr.node))
    return ReachOfSelector(*selector);
  if (const auto* matrix = std::get_if<promql::MatrixSelector>(&expr.node)) {
    RuleReach reach = ReachOfSelector(matrix->vector);
    reach.range += LengthOf(matrix->range);
    return reach;
  }
  RuleReach reach;
  for (const promql::ExprPtr& child : promql::Children(expr)) reach.Add(ReachOf(*child));
  if (const auto* subquery = std::get_if<promql::Subquery>(&expr.node))
    reach.range += LengthOf(subquery->range) + LengthOf(subquery->shift.offset);
  return reach;
}

}  // namespace tierwatch
