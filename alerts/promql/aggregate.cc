// Aggregations that give one value per group: sum, avg, count, group, min, max, stddev, stdvar,
// quantile, count_values.
#include "alerts/promql/aggregate.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <unordered_map>
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

  void First(AggregateOp op, double v);
  void Next(AggregateOp op, double v);
  double Finish(AggregateOp op) const;

 private:
  void NextOfMean(double v);
};

void Accumulator::First(AggregateOp op, double v) {
  seen = true;
  count = 1;
  value = mean = v;
  if (op == kGroup) value = 1;
  if (op == kStddev || op == kStdvar) value = std::isfinite(v) ? 0 : series::OrdinaryNan();
}

void Accumulator::Next(AggregateOp op, double v) {
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

// The part of sum and avg that is of native histograms, of one group.
class HistogramAggregation {
 public:
  HistogramAggregation(Evaluator& evaluator, const Aggregate& node)
      : evaluator_(evaluator), node_(node) {}

  void Take(std::size_t step, const StepSeries& series) {
    steps_.resize(evaluator_.steps().count);
    State& state = steps_[step];
    const series::FloatHistogram& histogram = *series.Histogram(step);
    if (state.incompatible) return;
    state.hints.See(histogram.reset_hint);
    if (!state.sum && !state.mean) {
      if (node_.op == kSum) state.sum.emplace(histogram);
      if (node_.op == kAvg) state.mean.emplace(histogram);
      return;
    }
    const series::CombineInfo info =
        state.sum ? state.sum->Add(histogram) : state.mean->Add(histogram);
    if (info.incompatible)
      evaluator_.notes().WarnMixedSchemas(series.labels.Get(kMetricName), node_.expr->where);
    if (info.bounds_reconciled) evaluator_.notes().InfoReconciled("aggregation", node_.expr->where);
    state.incompatible = info.incompatible;
  }

  // Puts the results into the group's series, which has those of the floats; a group that has both
  // has none.
  void Finish(StepSeries& out) {
    for (std::size_t step = 0; step < steps_.size(); ++step) {
      State& state = steps_[step];
      if (!state.sum && !state.mean) continue;
      if (out.Has(step)) {
        evaluator_.notes().Warn(
            "PromQL warning: encountered a mix of histograms and floats for aggregation",
            node_.expr->where);
        out.Set(step, {});
        continue;
      }
      if (state.incompatible) continue;
      if (state.hints.found())
        evaluator_.notes().WarnResetCollision("aggregation", node_.expr->where);
      series::FloatHistogram result = state.sum ? state.sum->Value() : state.mean->Value();
      result.Compact();
      out.Set(step, {0, Share(std::move(result))});
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
  std::vector<State> steps_;  // empty while there was no histogram
};

// sum, avg, count, group, min, max, stddev, stdvar of one group.
Result<StepSeries> Reduce(Evaluator& evaluator, const Aggregate& node, const StepVector& vector,
                          const Group& group) {
  std::vector<Accumulator> steps(evaluator.steps().count);
  StepSeries out = evaluator.NewSeries(group.labels);
  HistogramAggregation histograms(evaluator, node);
  for (const std::size_t member : group.members) {
    const StepSeries& series = vector[member];
    for (std::size_t step = 0; step < steps.size(); ++step) {
      if (!series.Has(step)) continue;
      if (series.Histogram(step)) {
        if (IgnoresHistograms(node.op)) {
          evaluator.notes().InfoHistogramIgnored(OpText(node.op), node.expr->where);
          continue;
        }
        if (node.op == kSum || node.op == kAvg) {
          histograms.Take(step, series);
          out.drop_name = out.drop_name || series.drop_name;
          continue;
        }
      }
      out.drop_name = out.drop_name || series.drop_name;
      if (steps[step].seen) {
        steps[step].Next(node.op, series.values[step]);
      } else {
        steps[step].First(node.op, series.values[step]);
      }
    }
  }
  for (std::size_t step = 0; step < steps.size(); ++step) {
    if (steps[step].seen) out.values[step] = steps[step].Finish(node.op);
  }
  histograms.Finish(out);
  return out;
}

StepSeries ReduceToQuantile(Evaluator& evaluator, const Aggregate& node, const StepVector& vector,
                            const Group& group, const StepScalar& quantiles) {
  StepSeries out = evaluator.NewSeries(group.labels);
  std::vector<double> values;
  for (std::size_t step = 0; step < quantiles.size(); ++step) {
    values.clear();
    for (const std::size_t member : group.members) {
      const StepSeries& series = vector[member];
      if (!series.Has(step)) continue;
      if (series.Histogram(step)) {
        evaluator.notes().InfoHistogramIgnored("quantile", node.expr->where);
        continue;
      }
      out.drop_name = out.drop_name || series.drop_name;
      values.push_back(series.values[step]);
    }
    if (!values.empty()) out.values[step] = Quantile(quantiles[step], values);
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

Result<StepVector> CountValues(Evaluator& evaluator, const Aggregate& node,
                               const StepVector& vector) {
  const Result<Value> parameter = evaluator.Evaluate(*node.parameter);
  if (!parameter.ok()) return parameter.error();
  const std::string& label = std::get<std::string>(parameter->value);
  if (label.empty() || !IsUtf8(label)) return Error{"invalid label name " + Quote(label)};
  std::unordered_map<Labels, std::size_t, LabelsHash> index;
  StepVector out;
  for (const StepSeries& series : vector) {
    for (std::size_t step = 0; step < series.values.size(); ++step) {
      if (!series.Has(step)) continue;
      const HistogramPtr& histogram = series.Histogram(step);
      const std::string text =
          histogram ? series::PrintHistogram(*histogram) : FloatText(series.values[step]);
      Labels labels = series.labels;
      labels.Set(label, text);
      labels = GroupLabels(labels, node);
      if (!node.without) labels.Set(label, text);
      const auto [at, fresh] = index.try_emplace(labels, out.size());
      if (fresh) out.push_back(evaluator.NewSeries(std::move(labels)));
      StepSeries& counted = out[at->second];
      counted.values[step] = (counted.Has(step) ? counted.values[step] : 0) + 1;
    }
  }
  return out;
}

}  // namespace

Labels GroupLabels(const Labels& labels, const Aggregate& node) {
  std::vector<Label> kept;
  for (const Label& label : labels) {
    const bool named =
        std::find(node.grouping.begin(), node.grouping.end(), label.name) != node.grouping.end();
    if (node.without ? !named && label.name != kMetricName : named) kept.push_back(label);
  }
  return Labels(std::move(kept));
}

std::vector<Group> GroupSeries(const StepVector& vector, const Aggregate& node) {
  std::vector<Group> groups;
  std::unordered_map<Labels, std::size_t, LabelsHash> index;
  for (std::size_t i = 0; i < vector.size(); ++i) {
    Labels labels = GroupLabels(vector[i].labels, node);
    const auto [at, fresh] = index.try_emplace(labels, groups.size());
    if (fresh) groups.push_back({std::move(labels), {}});
    groups[at->second].members.push_back(i);
  }
  return groups;
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
  if (node.op == kCountValues) return CountValues(evaluator, node, *vector);
  const std::vector<Group> groups = GroupSeries(*vector, node);
  if (node.op == kTopk || node.op == kBottomk || node.op == kLimitk || node.op == kLimitRatio) {
    return ChooseFromGroups(evaluator, expr, node, *vector, groups, parameter);
  }
  if (node.op == kQuantile) CheckQuantile(evaluator, parameter, node.parameter->where);
  StepVector out;
  for (const Group& group : groups) {
    Result<StepSeries> series = node.op == kQuantile
                                    ? ReduceToQuantile(evaluator, node, *vector, group, parameter)
                                    : Reduce(evaluator, node, *vector, group);
    if (!series.ok()) return series.error();
    if (!series->Empty()) out.push_back(std::move(series).value());
  }
  return out;
}

}  // namespace tierwatch::promql
