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

// The one series that says what is absent.
struct AbsentFrame : Memo {
  FramePtr frame;
};

Result<Value> WhereAbsent(Evaluator& evaluator, const Expr& expr, const Expr& arg,
                          const std::vector<bool>& present, bool drop_name) {
  FramePtr& frame = evaluator.MemoOf<AbsentFrame>(expr).frame;
  if (!frame || frame->symbols() != evaluator.symbols()) {
    FrameBuilder one(evaluator.symbols());
    one.Add(series::Interned(*evaluator.symbols(), LabelsOfAbsent(WithoutInvariant(arg))),
            drop_name);
    frame = one.Finish();
  }
  StepVector vector = evaluator.NewVector(frame);
  for (std::size_t step = 0; step < present.size(); ++step) {
    if (!present[step]) vector.values[step] = 1;
  }
  return Value{std::move(vector)};
}

Result<Value> AbsentNow(Evaluator& evaluator, const Expr& expr, const Call& call) {
  const Result<StepVector> vector = evaluator.Vector(*call.args[0]);
  if (!vector.ok()) return vector.error();
  std::vector<bool> present(evaluator.steps().count);
  for (std::size_t i = 0; i < vector->values.size(); ++i) {
    if (!IsAbsent(vector->values[i])) present[i % vector->steps] = true;
  }
  return WhereAbsent(evaluator, expr, *call.args[0], present, false);
}

Result<Value> AbsentOverTime(Evaluator& evaluator, const Expr& expr, const Call& call) {
  const Result<RangeVector> range = evaluator.Range(*call.args[0]);
  if (!range.ok()) return range.error();
  std::vector<bool> present(evaluator.steps().count);
  RangeScratch scratch;
  for (std::size_t i = 0; i < range->frame->size(); ++i) {
    if (const auto error = evaluator.Interrupted(i)) return *error;
    const RangeSeries series = range->source->At(i, scratch);
    for (std::size_t step = 0; step < present.size(); ++step) {
      const TimestampMs end = range->End(evaluator.steps().At(step));
      const auto inside = [&](std::span<const TimestampMs> times) {
        const auto at = std::upper_bound(times.begin(), times.end(), end - range->range);
        return at != times.end() && *at <= end;
      };
      if (inside(series.floats.times) || inside(series.histograms.times)) present[step] = true;
    }
  }
  return WhereAbsent(evaluator, expr, *call.args[0], present, true);
}

Result<Value> ToScalar(Evaluator& evaluator, const Expr&, const Call& call) {
  const Result<StepVector> vector = evaluator.Vector(*call.args[0]);
  if (!vector.ok()) return vector.error();
  StepScalar scalar(evaluator.steps().count);
  std::vector<int> found(scalar.size());
  for (std::size_t i = 0; i < vector->size(); ++i) {
    for (std::size_t step = 0; step < scalar.size(); ++step) {
      if (!vector->HasFloat(i, step)) continue;
      ++found[step];
      scalar[step] = vector->Row(i)[step];
    }
  }
  for (std::size_t step = 0; step < scalar.size(); ++step) {
    if (found[step] != 1) scalar[step] = series::OrdinaryNan();
  }
  return Value{std::move(scalar)};
}

Result<Value> ToVector(Evaluator& evaluator, const Expr&, const Call& call) {
  Result<StepScalar> scalar = evaluator.Scalar(*call.args[0]);
  if (!scalar.ok()) return scalar.error();
  StepVector vector = evaluator.NewVector(evaluator.Unlabelled());
  vector.values = std::move(scalar).value();
  return Value{std::move(vector)};
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
  for (std::size_t at = 0; at < vector->histograms.size(); ++at) {
    if (vector->histograms[at]) vector->values[at] = Absent();
  }
  vector->histograms.clear();
  if (!evaluator.ordered()) return Value{std::move(vector).value()};
  std::vector<std::uint32_t> order;
  for (std::uint32_t i = 0; i < vector->size(); ++i) {
    if (vector->Has(i, 0)) order.push_back(i);
  }
  std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    const double x = vector->values[a], y = vector->values[b];
    if (std::isnan(x) || std::isnan(y)) return !std::isnan(x) && std::isnan(y);
    return kDescending ? x > y : x < y;
  });
  return Value{InOrder(*vector, order)};
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
