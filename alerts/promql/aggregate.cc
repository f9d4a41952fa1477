// Aggregations that give one value per group: sum, avg, count, group, min, max, stddev, stdvar,
// quantile, count_values.
#include "alerts/promql/aggregate.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <utility>

#include "alerts/promql/evaluator.h"
#include "alerts/promql/histogram_element.h"
#include "alerts/promql/mean.h"
#include "alerts/promql/window.h"
#include "alerts/series/float_histogram_text.h"
#include "alerts/series/histogram_sum.h"
#include "base/float_text.h"
#include "base/labels.h"

namespace tierwatch::promql {
namespace {

using enum AggregateOp;

// What becomes of the floats of one group at one step, by aggregation.
struct SumOf {
  double sum = 0, compensation = 0;
  void First(double v) { sum = v; }
  void Next(double v) { KahanAdd(v, sum, compensation); }
  double value() const { return sum + compensation; }
};

struct MeanOf {
  RunningMean mean;
  void First(double v) { mean.Add(v); }
  void Next(double v) { mean.Add(v); }
  double value() const { return mean.value(); }
};

struct CountOf {
  double count = 0;
  void First(double) { count = 1; }
  void Next(double) { ++count; }
  double value() const { return count; }
};

struct PresenceOf {
  void First(double) {}
  void Next(double) {}
  double value() const { return 1; }
};

struct GreatestOf {
  double greatest = 0;
  void First(double v) { greatest = v; }
  void Next(double v) {
    if (greatest < v || std::isnan(greatest)) greatest = v;
  }
  double value() const { return greatest; }
};

struct LeastOf {
  double least = 0;
  void First(double v) { least = v; }
  void Next(double v) {
    if (least > v || std::isnan(least)) least = v;
  }
  double value() const { return least; }
};

struct VarianceOf {
  double count = 0, mean = 0, squares = 0;
  void First(double v) {
    count = 1;
    mean = v;
    squares = std::isfinite(v) ? 0 : series::OrdinaryNan();
  }
  void Next(double v) {
    ++count;
    const double delta = v - mean;
    mean += delta / count;
    squares += delta * (v - mean);
  }
  double value() const { return squares / count; }
};

struct DeviationOf : VarianceOf {
  double value() const { return std::sqrt(VarianceOf::value()); }
};

bool IgnoresHistograms(AggregateOp op) {
  return op == kMin || op == kMax || op == kStddev || op == kStdvar || op == kQuantile;
}

// The part of sum and avg that is of native histograms, by group and step.
class HistogramAggregation {
 public:
  HistogramAggregation(Evaluator& evaluator, const Aggregate& node)
      : evaluator_(evaluator), node_(node) {}

  void Take(std::size_t at, const series::FloatHistogram& histogram, std::string_view metric) {
    State& state = states_[at];
    if (state.incompatible) return;
    state.hints.See(histogram.reset_hint);
    if (!state.sum && !state.mean) {
      if (node_.op == kSum) state.sum.emplace(histogram);
      if (node_.op == kAvg) state.mean.emplace(histogram);
      return;
    }
    const series::CombineInfo info =
        state.sum ? state.sum->Add(histogram) : state.mean->Add(histogram);
    if (info.incompatible) evaluator_.notes().WarnMixedSchemas(metric, node_.expr->where);
    if (info.bounds_reconciled) evaluator_.notes().InfoReconciled("aggregation", node_.expr->where);
    state.incompatible = info.incompatible;
  }

  // Puts the results into the vector, which has those of the floats; a group that has both at a
  // step has none.
  void Finish(StepVector& out) {
    for (auto& [at, state] : states_) {
      const std::size_t group = at / out.steps, step = at % out.steps;
      if (out.Has(group, step)) {
        evaluator_.notes().Warn(
            "PromQL warning: encountered a mix of histograms and floats for aggregation",
            node_.expr->where);
        out.Set(group, step, {});
        continue;
      }
      if (state.incompatible) continue;
      if (state.hints.found())
        evaluator_.notes().WarnResetCollision("aggregation", node_.expr->where);
      series::FloatHistogram result = state.sum ? state.sum->Value() : state.mean->Value();
      result.Compact();
      out.Set(group, step, {0, Share(std::move(result))});
    }
  }

 private:
  struct State {
    std::optional<series::HistogramSum> sum;
    std::optional<series::HistogramMean> mean;
    series::HintCollision hints;
    bool incompatible = false;
  };
  Evaluator& evaluator_;
  const Aggregate& node_;
  std::map<std::size_t, State> states_;  // by group * steps + step
};

template <class Accumulator>
StepVector Reduce(Evaluator& evaluator, const Aggregate& node, const StepVector& vector,
                  const Grouping& groups) {
  const std::size_t steps = vector.steps;
  struct State {
    bool seen = false;
    Accumulator floats;
  };
  std::vector<State> states(groups.groups->size() * steps);
  HistogramAggregation histograms(evaluator, node);
  const bool all_floats = vector.histograms.empty();
  for (std::size_t i = 0; i < vector.size(); ++i) {
    State* state = &states[groups.of[i] * steps];
    const double* value = &vector.values[i * steps];
    for (std::size_t step = 0; step < steps; ++step) {
      if (IsAbsent(value[step])) continue;
      if (!all_floats && vector.Histogram(i, step)) {
        if (IgnoresHistograms(node.op)) {
          evaluator.notes().InfoHistogramIgnored(OpText(node.op), node.expr->where);
          continue;
        }
        if (node.op == kSum || node.op == kAvg) {
          histograms.Take(groups.of[i] * steps + step, *vector.Histogram(i, step),
                          vector.frame->Text(i, series::kNameSymbol));
          continue;
        }
      }
      if (std::exchange(state[step].seen, true)) {
        state[step].floats.Next(value[step]);
      } else {
        state[step].floats.First(value[step]);
      }
    }
  }
  StepVector out = evaluator.NewVector(groups.groups);
  for (std::size_t at = 0; at < states.size(); ++at) {
    if (states[at].seen) out.values[at] = states[at].floats.value();
  }
  histograms.Finish(out);
  return out;
}

StepVector ReduceBy(Evaluator& evaluator, const Aggregate& node, const StepVector& vector,
                    const Grouping& groups) {
  switch (node.op) {
    case kAvg:
      return Reduce<MeanOf>(evaluator, node, vector, groups);
    case kCount:
      return Reduce<CountOf>(evaluator, node, vector, groups);
    case kGroup:
      return Reduce<PresenceOf>(evaluator, node, vector, groups);
    case kMax:
      return Reduce<GreatestOf>(evaluator, node, vector, groups);
    case kMin:
      return Reduce<LeastOf>(evaluator, node, vector, groups);
    case kStddev:
      return Reduce<DeviationOf>(evaluator, node, vector, groups);
    case kStdvar:
      return Reduce<VarianceOf>(evaluator, node, vector, groups);
    default:
      return Reduce<SumOf>(evaluator, node, vector, groups);
  }
}

StepVector ReduceToQuantile(Evaluator& evaluator, const Aggregate& node, const StepVector& vector,
                            const Grouping& groups, const StepScalar& quantiles) {
  StepVector out = evaluator.NewVector(groups.groups);
  std::vector<double> values;
  for (std::size_t group = 0; group < out.size(); ++group) {
    for (std::size_t step = 0; step < quantiles.size(); ++step) {
      values.clear();
      for (const std::uint32_t i : groups.MembersOf(group)) {
        if (!vector.Has(i, step)) continue;
        if (vector.Histogram(i, step)) {
          evaluator.notes().InfoHistogramIgnored("quantile", node.expr->where);
          continue;
        }
        values.push_back(vector.values[i * vector.steps + step]);
      }
      if (!values.empty()) out.Row(group)[step] = Quantile(quantiles[step], values);
    }
  }
  return out;
}

// Prometheus looks at the extremes only, so that a query that varies its parameter isn't told of
// each.
void CheckQuantile(Evaluator& evaluator, const StepScalar& quantiles, const Place& where) {
  const auto [least, greatest] = std::minmax_element(quantiles.begin(), quantiles.end());
  if (std::any_of(quantiles.begin(), quantiles.end(), [](double q) { return std::isnan(q); })) {
    evaluator.notes().WarnQuantile(series::OrdinaryNan(), where);
  }
  if (*greatest > 1) evaluator.notes().WarnQuantile(*greatest, where);
  if (*least < 0) evaluator.notes().WarnQuantile(*least, where);
}

// The last frame of count_values, whose labels depend on values.
struct CountedFrame : Memo {
  FramePtr frame;
};

Result<StepVector> CountValues(Evaluator& evaluator, const Expr& expr, const Aggregate& node,
                               const StepVector& vector) {
  const Result<std::string> label = evaluator.String(*node.parameter);
  if (!label.ok()) return label.error();
  if (label->empty() || !IsUtf8(*label)) return Error{"invalid label name " + Quote(*label)};
  series::Symbols& symbols = *evaluator.symbols();
  const Symbol name = symbols.Intern(*label);
  GroupKey key(node, symbols);
  FrameBuilder frame(evaluator.symbols());
  std::vector<double> counts;
  std::vector<LabelPair> labels;
  for (std::size_t i = 0; i < vector.size(); ++i) {
    if (const auto error = evaluator.Interrupted(i)) return *error;
    for (std::size_t step = 0; step < vector.steps; ++step) {
      if (!vector.Has(i, step)) continue;
      const HistogramPtr& histogram = vector.Histogram(i, step);
      const Symbol text =
          symbols.Intern(histogram ? series::PrintHistogram(*histogram)
                                   : FloatText(vector.values[i * vector.steps + step]));
      labels.assign(vector.frame->operator[](i).begin(), vector.frame->operator[](i).end());
      series::SetValue(labels, name, text);
      const LabelPairs kept = key(labels);
      labels.assign(kept.begin(), kept.end());
      if (!node.without) series::SetValue(labels, name, text);
      const auto [at, fresh] = frame.Insert(labels);
      if (fresh) {
        counts.resize(counts.size() + vector.steps, Absent());
        if (counts.size() > evaluator.options().max_samples) return evaluator.TooManySamples();
      }
      double& count = counts[at * vector.steps + step];
      count = (IsAbsent(count) ? 0 : count) + 1;
    }
  }
  StepVector out;
  out.frame = Settled(evaluator.MemoOf<CountedFrame>(expr).frame, frame.Finish());
  out.steps = vector.steps;
  out.values = std::move(counts);
  return out;
}

const Grouping& GroupsOf(Evaluator& evaluator, const Expr& expr, const Aggregate& node,
                         const StepVector& vector) {
  Grouping& memo = evaluator.MemoOf<Grouping>(expr);
  if (memo.input == vector.frame) return memo;
  const Frame& input = *vector.frame;
  GroupKey key(node, *evaluator.symbols());
  FrameBuilder frame(evaluator.symbols());
  memo.of.clear();
  for (std::size_t i = 0; i < input.size(); ++i) {
    const std::size_t group = frame.Insert(key(input[i])).first;
    memo.of.push_back(static_cast<std::uint32_t>(group));
    if (input.DropsName(i)) frame.SetDropsName(group, true);
  }
  // A counting sort of the members by their group.
  memo.ends.assign(frame.size(), 0);
  for (const std::uint32_t group : memo.of) ++memo.ends[group];
  std::uint32_t end = 0;
  for (std::uint32_t& count : memo.ends) count = std::exchange(end, end + count);
  memo.members.resize(input.size());
  for (std::uint32_t i = 0; i < input.size(); ++i) memo.members[memo.ends[memo.of[i]]++] = i;
  memo.groups = Settled(memo.groups, frame.Finish());
  memo.input = vector.frame;
  return memo;
}

}  // namespace

GroupKey::GroupKey(const Aggregate& node, series::Symbols& symbols) : without_(node.without) {
  for (const std::string& name : node.grouping) names_.push_back(symbols.Intern(name));
}

LabelPairs GroupKey::operator()(LabelPairs labels) {
  kept_.clear();
  for (const LabelPair& label : labels) {
    const bool named = std::find(names_.begin(), names_.end(), label.name) != names_.end();
    if (without_ ? !named && label.name != series::kNameSymbol : named) kept_.push_back(label);
  }
  return kept_;
}

Result<StepVector> EvaluateAggregate(Evaluator& evaluator, const Expr& expr,
                                     const Aggregate& node) {
  StepScalar parameter;
  if (node.parameter && node.op != kCountValues) {
    Result<StepScalar> scalar = evaluator.Scalar(*node.parameter);
    if (!scalar.ok()) return scalar.error();
    parameter = std::move(scalar).value();
  }
  const Result<StepVector> vector = evaluator.Aggregated(*node.expr);
  if (!vector.ok()) return vector.error();
  if (node.op == kCountValues) return CountValues(evaluator, expr, node, *vector);
  const Grouping& groups = GroupsOf(evaluator, expr, node, *vector);
  if (groups.groups->size() > evaluator.options().max_samples / vector->steps)
    return evaluator.TooManySamples();
  if (node.op == kTopk || node.op == kBottomk || node.op == kLimitk || node.op == kLimitRatio) {
    return ChooseFromGroups(evaluator, expr, node, *vector, groups, parameter);
  }
  if (node.op != kQuantile) return ReduceBy(evaluator, node, *vector, groups);
  CheckQuantile(evaluator, parameter, node.parameter->where);
  return ReduceToQuantile(evaluator, node, *vector, groups, parameter);
}

}  // namespace tierwatch::promql
