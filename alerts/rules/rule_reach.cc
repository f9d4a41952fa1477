#include "alerts/rules/rule_reach.h"

#include <algorithm>

#include "base/labels.h"

namespace tierwatch {
namespace {

using namespace promql;
using Visit = std::function<void(const VectorSelector&, const SelectorReach&)>;

constexpr Millis kComputed{3'600'000};

void Shift(SelectorReach& reach, const TimeShift& shift) {
  reach.back += shift.offset.expr ? kComputed : shift.offset.value;
  reach.ahead += shift.offset.expr ? kComputed : -shift.offset.value;
  reach.fixed |= shift.at == TimeShift::At::kTime;
}

void Lengthen(SelectorReach& reach, const Duration& range) {
  reach.back += range.expr ? kComputed : range.value;
}

void Walk(const Expr& expr, SelectorReach reach, const Visit& visit) {
  if (const auto* selector = std::get_if<VectorSelector>(&expr.node)) {
    Shift(reach, selector->shift);
    visit(*selector, reach);
  } else if (const auto* matrix = std::get_if<MatrixSelector>(&expr.node)) {
    Shift(reach, matrix->vector.shift);
    Lengthen(reach, matrix->range);
    visit(matrix->vector, reach);
  } else if (const auto* subquery = std::get_if<Subquery>(&expr.node)) {
    Shift(reach, subquery->shift);
    Lengthen(reach, subquery->range);
  }
  for (const ExprPtr& child : Children(expr)) Walk(*child, reach, visit);
}

void AddNames(const VectorSelector& selector, RuleReach& reach) {
  bool named = false;
  for (const series::Matcher& matcher : selector.matchers) {
    if (matcher.name() != kMetricName || matcher.literals().empty()) continue;
    named = true;
    reach.metrics.insert(matcher.literals().begin(), matcher.literals().end());
  }
  reach.any_metric |= !named;
}

}  // namespace

void RuleReach::Add(const RuleReach& other) {
  metrics.insert(other.metrics.begin(), other.metrics.end());
  any_metric = any_metric || other.any_metric;
  range = std::max(range, other.range);
}

void ForEachSelector(const Expr& expr, const Visit& visit) { Walk(expr, {}, visit); }

RuleReach ReachOf(const Expr& expr) {
  RuleReach reach;
  ForEachSelector(expr, [&](const VectorSelector& selector, const SelectorReach& its) {
    AddNames(selector, reach);
    reach.range = std::max(reach.range, its.back);
  });
  return reach;
}

}  // namespace tierwatch
