#include "alerts/promql/evaluator.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "alerts/promql/functions.h"
#include "alerts/promql/histogram_element.h"
#include "base/labels.h"

namespace tierwatch::promql {
namespace {

// What a value weighs in the sample budget.
std::size_t Weight(const Value& value) {
  if (const auto* scalar = std::get_if<StepScalar>(&value.value)) return scalar->size();
  std::size_t weight = 0;
  if (const auto* vector = std::get_if<StepVector>(&value.value)) {
    for (const StepSeries& series : *vector) weight += series.values.size();
  } else if (const auto* range = std::get_if<RangeVector>(&value.value)) {
    for (const RangeSeries& series : range->series)
      weight += series.floats.times.size() + series.histograms.times.size();
  }
  return weight;
}

}  // namespace

bool StepSeries::Empty() const { return std::all_of(values.begin(), values.end(), IsAbsent); }

Labels WithoutName(const Labels& labels) {
  Labels rest = labels;
  for (const std::string_view name :
       {kMetricName, std::string_view("__type__"), std::string_view("__unit__")}) {
    rest.Remove(name);
  }
  return rest;
}

Error Evaluator::TooManySamples() const {
  return {"query processing would load too many samples into memory in query execution",
          Reason::kLimit};
}

Result<Value> Evaluator::Evaluate(const Expr& expr) {
  // Every node costs at least a value per step.
  if (steps_.count > query_.options.max_samples) return TooManySamples();
  const std::size_t before = query_.samples;
  Result<Value> value = Dispatch(expr);
  if (!value.ok()) return value;
  query_.samples = before + Weight(*value);
  if (query_.samples > query_.options.max_samples) return TooManySamples();
  return value;
}

Result<Value> Evaluator::Dispatch(const Expr& expr) {
  return std::visit([&](const auto& node) { return EvaluateAt(expr, node); }, expr.node);
}

Result<StepVector> Evaluator::Vector(const Expr& expr) {
  Result<Value> value = Evaluate(expr);
  if (!value.ok()) return value.error();
  return std::get<StepVector>(std::move(value->value));
}

Result<StepScalar> Evaluator::Scalar(const Expr& expr) {
  Result<Value> value = Evaluate(expr);
  if (!value.ok()) return value.error();
  return std::get<StepScalar>(std::move(value->value));
}

Result<RangeVector> Evaluator::Range(const Expr& expr) {
  const Expr& inner = Unwrap(expr);
  if (const auto* subquery = std::get_if<Subquery>(&inner.node)) return RunSubquery(*subquery);
  return SelectRange(std::get<MatrixSelector>(inner.node));
}

void Evaluator::DropName(StepSeries& series) const {
  series.drop_name = true;
  if (!query_.options.delayed_name_removal) series.labels = WithoutName(series.labels);
}

Result<StepVector> Evaluator::Merge(StepVector vector) const {
  std::unordered_map<std::uint64_t, std::vector<std::size_t>> seen;
  StepVector merged;
  merged.reserve(vector.size());
  for (StepSeries& series : vector) {
    std::vector<std::size_t>& same_hash = seen[series.labels.Fingerprint()];
    const auto same = std::find_if(same_hash.begin(), same_hash.end(), [&](std::size_t i) {
      return merged[i].labels == series.labels;
    });
    if (same == same_hash.end()) {
      same_hash.push_back(merged.size());
      merged.push_back(std::move(series));
      continue;
    }
    for (std::size_t step = 0; step < steps_.count; ++step) {
      if (!series.Has(step)) continue;
      if (merged[*same].Has(step))
        return Error{"vector cannot contain metrics with the same labelset"};
      merged[*same].Set(step, series.At(step));
    }
  }
  return merged;
}

Result<Value> Evaluator::EvaluateAt(const Expr&, const NumberLiteral& node) {
  return Value{StepScalar(steps_.count, node.value)};
}

Result<Value> Evaluator::EvaluateAt(const Expr&, const StringLiteral& node) {
  return Value{node.value};
}

Result<Value> Evaluator::EvaluateAt(const Expr& expr, const VectorSelector& node) {
  Result<StepVector> vector =
      node.smoothed ? Smoothed(node, expr.where) : SelectInstant(node, Give::kValue);
  if (!vector.ok()) return vector.error();
  return Value{std::move(vector).value()};
}

Result<Value> Evaluator::EvaluateAt(const Expr&, const MatrixSelector& node) {
  Result<RangeVector> range = SelectRange(node);
  if (!range.ok()) return range.error();
  return Value{std::move(range).value()};
}

Result<Value> Evaluator::EvaluateAt(const Expr&, const Subquery& node) {
  Result<RangeVector> range = RunSubquery(node);
  if (!range.ok()) return range.error();
  return Value{std::move(range).value()};
}

Result<Value> Evaluator::EvaluateAt(const Expr&, const Paren& node) { return Evaluate(*node.expr); }

Result<Value> Evaluator::EvaluateAt(const Expr&, const Unary& node) {
  Result<Value> value = Evaluate(*node.expr);
  if (!value.ok() || !node.negative) return value;
  if (auto* scalar = std::get_if<StepScalar>(&value->value)) {
    for (double& v : *scalar) v = -v;
    return value;
  }
  auto& vector = std::get<StepVector>(value->value);
  for (StepSeries& series : vector) {
    for (std::size_t step = 0; step < steps_.count; ++step) {
      if (series.HasFloat(step)) {
        series.values[step] = -series.values[step];
      } else if (series.Has(step)) {
        series.histograms[step] =
            Changed(*series.histograms[step], [](auto& histogram) { histogram.Mul(-1); });
      }
    }
    DropName(series);
  }
  if (query_.options.delayed_name_removal) return value;
  Result<StepVector> merged = Merge(std::move(vector));
  if (!merged.ok()) return merged.error();
  return Value{std::move(merged).value()};
}

Result<Value> Evaluator::EvaluateAt(const Expr& expr, const Binary& node) {
  return EvaluateBinary(*this, expr, node);
}

Result<Value> Evaluator::EvaluateAt(const Expr& expr, const Aggregate& node) {
  Result<StepVector> vector = EvaluateAggregate(*this, expr, node);
  if (!vector.ok()) return vector.error();
  return Value{std::move(vector).value()};
}

Result<Value> Evaluator::EvaluateAt(const Expr& expr, const Call& node) {
  if (node.function->run == nullptr) {
    return Error{std::string(node.function->name) + "() is not supported yet"};
  }
  Result<Value> value = node.function->run(*this, expr, node);
  if (!value.ok() || query_.options.delayed_name_removal) return value;
  if (auto* vector = std::get_if<StepVector>(&value->value)) {
    Result<StepVector> merged = Merge(std::move(*vector));
    if (!merged.ok()) return merged.error();
    return Value{std::move(merged).value()};
  }
  return value;
}

Result<Value> Evaluator::EvaluateAt(const Expr&, const StepInvariant& node) {
  Evaluator once(query_, Steps{steps_.start, steps_.interval, 1});
  Result<Value> value = once.Evaluate(*node.expr);
  if (!value.ok()) return value;
  if (auto* scalar = std::get_if<StepScalar>(&value->value))
    scalar->resize(steps_.count, scalar->front());
  if (auto* vector = std::get_if<StepVector>(&value->value)) {
    if (vector->size() * steps_.count > query_.options.max_samples) return TooManySamples();
    for (StepSeries& series : *vector) {
      const double value_once = series.values.front();
      series.values.resize(steps_.count, value_once);
      if (series.histograms.empty()) continue;
      const HistogramPtr histogram = series.histograms.front();
      series.histograms.resize(steps_.count, histogram);
    }
  }
  return value;
}

}  // namespace tierwatch::promql
