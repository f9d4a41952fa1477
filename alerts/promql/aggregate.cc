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
#include "alerts/promql/window.h"
#include "alerts/series/float_histogram_text.h"
#include "alerts/series/histogram_sum.h"
#include "base/float_text.h"
#include "base/labels.h"

namespace tierwatch::promql {
namespace {

using enum AggregateOp;

// The state of one group at one step.
struct Accumulator {
  bool seen = false;
  bool incremental = false;  // avg: the sum overflowed, the mean is kept up to date instead
  double value = 0;
  double compensation = 0;
  double mean = 0;
  double count = 0;

  template <AggregateOp kOp>
  void Take(double v) {
    if (seen) {
      Next(kOp, v);
    } else {
      First(kOp, v);
    }
  }
  double Finish(AggregateOp op) const;

 private:
  void First(AggregateOp op, double v);
  void Next(AggregateOp op, double v);
  void NextOfMean(double v);
};

inline void Accumulator::First(AggregateOp op, double v) {
  seen = true;
  count = 1;
  value = mean = v;
  if (op == kGroup) value = 1;
  if (op == kStddev || op == kStdvar) value = std::isfinite(v) ? 0 : series::OrdinaryNan();
}

inline void Accumulator::Next(AggregateOp op, double v) {
  ++count;
  switch (op) {
    case kSum:
      KahanAdd(v, value, compensation);
      break;
    case kAvg:
      NextOfMean(v);
      break;
    case kMax:
      if (value < v || std::isnan(value)) value = v;
      break;
    case kMin:
      if (value > v || std::isnan(value)) value = v;
      break;
    case kStddev:
    case kStdvar: {
      const double delta = v - mean;
      mean += delta / count;
      value += delta * (v - mean);
      break;
    }
    default:
      break;
  }
}

void Accumulator::NextOfMean(double v) {
  if (!incremental) {
    double next = value, next_compensation = compensation;
    KahanAdd(v, next, next_compensation);
    if (!std::isinf(next)) {
      value = next;
      compensation = next_compensation;
      return;
    }
    incremental = true;
    mean = value / (count - 1);
    compensation /= count - 1;
  }
  const double q = (count - 1) / count;
  mean *= q;
  compensation *= q;
  KahanAdd(v / count, mean, compensation);
}

double Accumulator::Finish(AggregateOp op) const {
  switch (op) {
    case kSum:
      return value + compensation;
    case kAvg:
      return incremental ? mean + compensation : value / count + compensation / count;
    case kCount:
      return count;
    case kStdvar:
      return value / count;
    case kStddev:
      return std::sqrt(value / count);
    default:
      return value;
  }
}

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

// sum, avg, count, group, min, max, stddev, stdvar.
template <AggregateOp kOp>
StepVector Reduce(Evaluator& evaluator, const Aggregate& node, const StepVector& vector,
                  const Grouping& groups) {
  const std::size_t steps = vector.steps;
  std::vector<Accumulator> states(groups.groups->size() * steps);
  HistogramAggregation histograms(evaluator, node);
  const bool all_floats = vector.histograms.empty();
  for (std::size_t i = 0; i < vector.size(); ++i) {
    Accumulator* state = &states[groups.of[i] * steps];
    const double* value = &vector.values[i * steps];
    for (std::size_t step = 0; step < steps; ++step) {
      if (IsAbsent(value[step])) continue;
      if (!all_floats && vector.Histogram(i, step)) {
        if (IgnoresHistograms(kOp)) {
          evaluator.notes().InfoHistogramIgnored(OpText(kOp), node.expr->where);
          continue;
        }
        if (kOp == kSum || kOp == kAvg) {
          histograms.Take(groups.of[i] * steps + step, *vector.Histogram(i, step),
                          vector.frame->Text(i, series::kNameSymbol));
          continue;
        }
      }
      state[step].template Take<kOp>(value[step]);
    }
  }
  StepVector out = evaluator.NewVector(groups.groups);
  for (std::size_t at = 0; at < states.size(); ++at) {
    if (states[at].seen) out.values[at] = states[at].Finish(kOp);
  }
  histograms.Finish(out);
  return out;
}

StepVector ReduceBy(Evaluator& evaluator, const Aggregate& node, const StepVector& vector,
                    const Grouping& groups) {
  switch (node.op) {
    case kAvg:
      return Reduce<kAvg>(evaluator, node, vector, groups);
    case kCount:
      return Reduce<kCount>(evaluator, node, vector, groups);
    case kGroup:
      return Reduce<kGroup>(evaluator, node, vector, groups);
    case kMax:
      return Reduce<kMax>(evaluator, node, vector, groups);
    case kMin:
      return Reduce<kMin>(evaluator, node, vector, groups);
    case kStddev:
      return Reduce<kStddev>(evaluator, node, vector, groups);
    case kStdvar:
      return Reduce<kStdvar>(evaluator, node, vector, groups);
    default:
      return Reduce<kSum>(evaluator, node, vector, groups);
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
  const Result<StepVector> vector = evaluator.Vector(*node.expr);
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
