#include <algorithm>
#include <cmath>
#include <set>

#include "alerts/promql/functions.h"
#include "alerts/promql/instant.h"
#include "base/labels.h"

namespace tierwatch::promql {
namespace {

using enum ValueType;

// The labels that a selector asks for by equality, once each: what is known of a series that isn't
// there.
Labels LabelsOfAbsent(const Expr& expr) {
  const VectorSelector* selector = std::get_if<VectorSelector>(&expr.node);
  if (const auto* matrix = std::get_if<MatrixSelector>(&expr.node)) selector = &matrix->vector;
  Labels labels;
  if (selector == nullptr) return labels;
  std::set<std::string> seen;
  for (const series::Matcher& matcher : selector->matchers) {
    if (matcher.name() == kMetricName) continue;
    const bool equal = matcher.type() == series::MatchType::kEqual;
    if (equal && seen.insert(matcher.name()).second) {
      labels.Set(matcher.name(), matcher.value());
    } else {
      labels.Remove(matcher.name());
    }
  }
  return labels;
}

const Expr& WithoutInvariant(const Expr& expr) {
  const auto* invariant = std::get_if<StepInvariant>(&expr.node);
  return invariant != nullptr ? *invariant->expr : expr;
}

Result<Value> WhereAbsent(Evaluator& evaluator, const Expr& arg, const std::vector<bool>& present,
                          bool drop_name) {
  StepSeries series = evaluator.NewSeries(LabelsOfAbsent(WithoutInvariant(arg)));
  series.drop_name = drop_name;
  for (std::size_t step = 0; step < present.size(); ++step) {
    if (!present[step]) series.values[step] = 1;
  }
  if (series.Empty()) return Value{StepVector{}};
  return Value{StepVector{std::move(series)}};
}

Result<Value> AbsentNow(Evaluator& evaluator, const Expr&, const Call& call) {
  Result<StepVector> vector = evaluator.Vector(*call.args[0]);
  if (!vector.ok()) return vector.error();
  std::vector<bool> present(evaluator.steps().count);
  for (const StepSeries& series : *vector) {
    for (std::size_t step = 0; step < present.size(); ++step)
      present[step] = present[step] || series.Has(step);
  }
  return WhereAbsent(evaluator, *call.args[0], present, false);
}

Result<Value> AbsentOverTime(Evaluator& evaluator, const Expr&, const Call& call) {
  const Result<RangeVector> range = evaluator.Range(*call.args[0]);
  if (!range.ok()) return range.error();
  std::vector<bool> present(evaluator.steps().count);
  for (std::size_t step = 0; step < present.size(); ++step) {
    const TimestampMs end = range->End(evaluator.steps().At(step));
    const auto inside = [&](std::span<const TimestampMs> times) {
      const auto at = std::upper_bound(times.begin(), times.end(), end - range->range);
      return at != times.end() && *at <= end;
    };
    present[step] =
        std::any_of(range->series.begin(), range->series.end(), [&](const RangeSeries& series) {
          return inside(series.floats.times) || inside(series.histograms.times);
        });
  }
  return WhereAbsent(evaluator, *call.args[0], present, true);
}

Result<Value> ToScalar(Evaluator& evaluator, const Expr&, const Call& call) {
  Result<StepVector> vector = evaluator.Vector(*call.args[0]);
  if (!vector.ok()) return vector.error();
  StepScalar scalar(evaluator.steps().count);
  for (std::size_t step = 0; step < scalar.size(); ++step) {
    int found = 0;
    for (const StepSeries& series : *vector) {
      if (!series.HasFloat(step)) continue;
      ++found;
      scalar[step] = series.values[step];
    }
    if (found != 1) scalar[step] = series::OrdinaryNan();
  }
  return Value{std::move(scalar)};
}

Result<Value> ToVector(Evaluator& evaluator, const Expr&, const Call& call) {
  Result<StepScalar> scalar = evaluator.Scalar(*call.args[0]);
  if (!scalar.ok()) return scalar.error();
  return Value{StepVector{StepSeries{{}, false, std::move(scalar).value()}}};
}

// NaN comes last, whatever the direction. Several steps have no order, the result of a range query
// is ordered by labels.
template <bool kDescending>
Result<Value> Sort(Evaluator& evaluator, const Expr& expr, const Call& call) {
  Result<StepVector> vector = evaluator.Vector(*call.args[0]);
  if (!vector.ok()) return vector.error();
  if (!evaluator.at_one_step()) {
    evaluator.notes().Warn(
        "PromQL warning: sort is ineffective for range queries since results are always ordered by "
        "labels",
        expr.where);
  }
  for (StepSeries& series : *vector) {
    for (std::size_t step = 0; step < series.values.size(); ++step) {
      if (!series.HasFloat(step)) series.values[step] = Absent();
    }
    series.histograms.clear();
  }
  std::erase_if(*vector, [](const StepSeries& series) { return series.Empty(); });
  if (!evaluator.at_one_step()) return Value{std::move(vector).value()};
  std::stable_sort(vector->begin(), vector->end(), [](const StepSeries& a, const StepSeries& b) {
    const double x = a.values.front(), y = b.values.front();
    if (std::isnan(x) || std::isnan(y)) return !std::isnan(x);
    return kDescending ? x > y : x < y;
  });
  return Value{std::move(vector).value()};
}

constexpr Function kFunctions[] = {
    {"absent", {kVector}, 0, kVector, AbsentNow},
    {"absent_over_time", {kMatrix}, 0, kVector, AbsentOverTime},
    {"scalar", {kVector}, 0, kScalar, ToScalar},
    {"sort", {kVector}, 0, kVector, Sort<false>},
    {"sort_desc", {kVector}, 0, kVector, Sort<true>},
    {"vector", {kScalar}, 0, kVector, ToVector},
};

}  // namespace

std::span<const Function> VectorFunctions() { return kFunctions; }

}  // namespace tierwatch::promql
