#include "alerts/rules/selectors.h"

#include <algorithm>
#include <set>
#include <utility>

#include "alerts/promql/narrow.h"
#include "alerts/promql/resolve.h"
#include "alerts/rules/rule_reach.h"
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

class Collector {
 public:
  Collector(std::set<std::string> written, Millis lookback)
      : written_(std::move(written)), lookback_(lookback) {}

  /// False where the expression looks at one moment alone.
  bool Collect(const Expr& expr, Millis query_offset) {
    bool fixed = false;
    ForEachSelector(expr, [&](const VectorSelector& selector, const SelectorReach& reach) {
      fixed |= reach.fixed;
      // Extended ranges look at the sample before theirs too.
      Add(selector, query_offset + reach.back + lookback_, reach.ahead);
    });
    return !fixed;
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
      const Result<Resolved> resolved = Resolve(rule.expr, {});
      if (!resolved.ok()) return Error(resolved.error()).In(rule.where.ToString());
      if (!collector.Collect(*resolved->expr, group.query_offset))
        return Error{rule.where.ToString() + ": an expression with @ TIME can't be replayed"};
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
