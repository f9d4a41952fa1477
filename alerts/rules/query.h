// What rules ask of the world and what they write: the seams between rules, the PromQL engine and
// the store.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "alerts/promql/promql.h"
#include "alerts/promql/standing.h"
#include "alerts/series/store.h"
#include "base/clock.h"
#include "base/labels.h"
#include "base/result.h"

namespace tierwatch {

/// Evaluates an expression at one time to a vector; a scalar becomes one sample without labels.
using RuleQuery = std::function<Result<promql::Vector>(const promql::ExprPtr&, TimestampMs)>;

/// A RuleQuery over an engine and a store, both of which must outlive it. A string or range vector
/// is an error.
RuleQuery MakeRuleQuery(const promql::Engine& engine, const series::Queryable& storage);

/// The expressions of one rule group, asked round after round: promql::Standing, or what answers
/// like it. As long as an answer's frame is the same object, its elements are the same series.
class RuleQuestions {
 public:
  virtual ~RuleQuestions() = default;
  /// The number of a new question.
  virtual std::size_t Add(promql::ExprPtr expr) = 0;
  virtual void NewRound() = 0;
  virtual Result<promql::Elements> Ask(std::size_t question, TimestampMs time) = 0;
};

/// Called for each group with the names of the metrics that its own rules write.
using MakeRuleQuestions =
    std::function<std::unique_ptr<RuleQuestions>(std::set<std::string> written)>;

/// Standing questions of a storage; each answer may take `timeout`. All arguments outlive them.
MakeRuleQuestions AskStanding(const promql::Engine& engine, const series::Queryable& storage,
                              const Clock& clock, Millis timeout = Millis(120'000));

/// A sample that a rule gives: its recorded series, `ALERTS` or `ALERTS_FOR_STATE`. While a rule
/// gives the same series, their label sets are the same objects.
struct OutputSample {
  std::shared_ptr<const Labels> labels;  // with `__name__`; never null
  TimestampMs time = 0;
  std::optional<double> value;       // absent: the series ended, a staleness marker
  series::HistogramPtr histogram{};  // set: that is the sample, and `value` means nothing
};

/// What a rule gave, and how many of its templates failed.
struct RuleOutput {
  std::vector<OutputSample> samples;  // all at one time, labels unique
  std::uint64_t template_failures = 0;
};

/// Called after every rule, before the next one of its group is evaluated. What it is given must be
/// seen by the queries that follow. `source` is the rule, the same in every process.
using SeriesSink =
    std::function<void(const std::string& source, const std::vector<OutputSample>& samples)>;

/// A sink that appends to a store, which outlives it.
SeriesSink WriteTo(series::Store& store);

}  // namespace tierwatch
