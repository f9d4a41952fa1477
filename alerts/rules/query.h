// What rules ask of the world and what they write: the seams between rules, the PromQL engine and
// the store.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
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

/// The label sets of a result, in its order: tells whether the next one is of the same series, so
/// that what was made of them can be used again.
class ResultShape {
 public:
  ResultShape() = default;
  explicit ResultShape(const promql::Vector& result);
  bool Fits(const promql::Vector& result) const;

 private:
  std::vector<Labels> labels_;
};

/// A sample that a rule gives: its recorded series, `ALERTS` or `ALERTS_FOR_STATE`. While a rule
/// gives the same series, their label sets are the same objects.
struct OutputSample {
  std::shared_ptr<const Labels> labels;  // with `__name__`; never null
  TimestampMs time = 0;
  std::optional<double> value;  // absent: the series ended, a staleness marker
};

/// What a rule gave, and how many of its templates failed.
struct RuleOutput {
  std::vector<OutputSample> samples;  // all at one time, labels unique
  std::uint64_t template_failures = 0;
};

/// Called after every rule, before the next one of its group is evaluated. What it is given must be
/// seen by the queries that follow.
using SeriesSink = std::function<void(const std::vector<OutputSample>&)>;

}  // namespace tierwatch
