#include "alerts/rules/selectors.h"

#include <algorithm>
#include <set>
#include <utility>

#include "alerts/promql/ast.h"
#include "alerts/promql/narrow.h"
#include "alerts/promql/resolve.h"
#include "alerts/series/matcher.h"

namespace tierwatch {
namespace {

using namespace promql;

std::set<std::string> NamesWritten(const std::vector<RuleGroup>& groups) {
  std::set<std::string> names = {"ALERTS", "ALERTS_FOR_STATE"};
  for (const RuleGroup& group : groups) {
    for (const Rule& rule : group.rules) {
      if (rule.kind == Rule::Kind::kRecording) names.insert(rule.name);
    }
  }
  return names;
}

const TimeShift* ShiftOf(const Expr& expr) {
  if (const auto* selector = std::get_if<VectorSelector>(&expr.node)) return &selector->shift;
  if (const auto* matrix = std::get_if<MatrixSelector>(&expr.node)) return &matrix->vector.shift;
  if (const auto* subquery = std::get_if<Subquery>(&expr.node)) return &subquery->shift;
  return nullptr;
}

bool IsFixed(const Expr& expr) {
  const TimeShift* shift = ShiftOf(expr);
  if (shift != nullptr && shift->at == TimeShift::At::kTime) return true;
  const std::vector<ExprPtr> children = Children(expr);
  return std::any_of(children.begin(), children.end(),
                     [](const ExprPtr& child) { return IsFixed(*child); });
}

class Collector {
 public:
  Collector(std::set<std::string> written, Millis lookback)
      : written_(std::move(written)), lookback_(lookback) {}

  void Collect(const Expr& expr, Millis back, Millis ahead) {
    if (const TimeShift* shift = ShiftOf(expr)) {
      back += shift->offset.value;
      ahead -= shift->offset.value;
    }
    if (const auto* selector = std::get_if<VectorSelector>(&expr.node))
      Add(*selector, back + lookback_, ahead);
    // Extended ranges look at the sample before theirs too.
    if (const auto* matrix = std::get_if<MatrixSelector>(&expr.node))
      Add(matrix->vector, back + matrix->range.value + lookback_, ahead);
    if (const auto* subquery = std::get_if<Subquery>(&expr.node)) back += subquery->range.value;
    for (const ExprPtr& child : Children(expr)) Collect(*child, back, ahead);
  }

  SeriesNeeds needs;

 private:
  void Add(VectorSelector selector, Millis back, Millis ahead) {
    std::string name;
    for (const series::Matcher& matcher : selector.matchers) {
      if (matcher.name() == kMetricName && matcher.type() == series::MatchType::kEqual)
        name = matcher.value();
    }
    needs.longest_back = std::max(needs.longest_back, back);
    if (written_.contains(name)) return;
    selector.shift = {};
    selector.anchored = selector.smoothed = false;
    auto bare = std::make_shared<Expr>();
    bare->node = std::move(selector);
    ExprPtr expr = std::move(bare);
    if (name.empty()) expr = Narrow(expr, NotWritten());
    NeededSeries& series = needs.series[name];
    std::string text = Print(*expr);
    if (std::find(series.selectors.begin(), series.selectors.end(), text) == series.selectors.end())
      series.selectors.push_back(std::move(text));
    series.back = std::max(series.back, back);
    series.ahead = std::max(series.ahead, ahead);
  }

  std::vector<series::Matcher> NotWritten() const {
    std::vector<series::Matcher> matchers;
    for (const std::string& name : written_)
      matchers.push_back(*series::Matcher::Make(series::MatchType::kNotEqual, kMetricName, name));
    return matchers;
  }

  std::set<std::string> written_;
  Millis lookback_;
};

}  // namespace

Result<SeriesNeeds> SeriesNeeded(const std::vector<RuleGroup>& groups, Millis lookback) {
  Collector collector(NamesWritten(groups), lookback);
  for (const RuleGroup& group : groups) {
    for (const Rule& rule : group.rules) {
      if (IsFixed(*rule.expr))
        return Error{rule.where.ToString() + ": an expression with @ TIME can't be replayed"};
      const Result<Resolved> resolved = Resolve(rule.expr, {});
      if (!resolved.ok()) return Error(resolved.error()).In(rule.where.ToString());
      collector.Collect(*resolved->expr, group.query_offset, Millis(0));
    }
  }
  // A selector without a name may find what one with a name finds: all of a
  // series is fetched alike.
  SeriesNeeds needs = std::move(collector.needs);
  if (!needs.series.contains("")) return needs;
  NeededSeries most;
  for (const auto& [name, series] : needs.series) {
    most.back = std::max(most.back, series.back);
    most.ahead = std::max(most.ahead, series.ahead);
  }
  for (auto& [name, series] : needs.series) {
    series.back = most.back;
    series.ahead = most.ahead;
  }
  return needs;
}

}  // namespace tierwatch
