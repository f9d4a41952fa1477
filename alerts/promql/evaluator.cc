#include "alerts/promql/evaluator.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "alerts/promql/functions.h"
#include "alerts/promql/histogram_element.h"
#include "base/labels.h"

namespace tierwatch::promql {
namespace {

// What a value weighs in the budgets. A range vector is read series by series and weighs nothing.
std::size_t Samples(const Value& value) {
  if (const auto* scalar = std::get_if<StepScalar>(&value.value)) return scalar->size();
  if (const auto* vector = std::get_if<StepVector>(&value.value)) return vector->values.size();
  return 0;
}

std::size_t Bytes(const Value& value) {
  const auto* vector = std::get_if<StepVector>(&value.value);
  if (vector == nullptr) return Samples(value) * sizeof(double);
  std::size_t bytes = vector->frame->bytes() + vector->values.size() * sizeof(double) +
                      vector->histograms.size() * sizeof(HistogramPtr);
  for (const HistogramPtr& histogram : vector->histograms) {
    if (histogram) bytes += histogram->bytes();
  }
  return bytes;
}

// Whether label sets that differ still do without their metadata: where all have the same.
bool SameMetadata(const Frame& frame) {
  const auto metadata = [&](std::size_t i) {
    return std::array{series::ValueOf(frame[i], series::kNameSymbol),
                      series::ValueOf(frame[i], series::kTypeSymbol),
                      series::ValueOf(frame[i], series::kUnitSymbol)};
  };
  for (std::size_t i = 1; i < frame.size(); ++i) {
    if (metadata(i) != metadata(0)) return false;
  }
  return true;
}

// Takes the metadata off the series that `off` is true for.
template <class Off>
void DropMetadata(const FramePtr& input, Relabelling& result, Off off) {
  FrameBuilder frame(input->symbols());
  const auto labels = [&](std::size_t i) {
    return off(i) ? WithoutMetadata((*input)[i]) : (*input)[i];
  };
  result.to.clear();
  if (input->distinct() && SameMetadata(*input)) {
    for (std::size_t i = 0; i < input->size(); ++i) frame.Add(labels(i));
    result.frame = frame.Finish(true);
  } else {
    for (std::size_t i = 0; i < input->size(); ++i)
      result.to.push_back(static_cast<std::uint32_t>(frame.Insert(labels(i)).first));
    if (frame.size() == input->size()) result.to.clear();
    result.frame = frame.Finish();
  }
  result.input = input;
}

}  // namespace

bool StepVector::Empty(std::size_t i) const { return std::ranges::all_of(Row(i), IsAbsent); }

LabelPairs WithoutMetadata(LabelPairs labels) {
  // Metadata have the least numbers, so that they come first.
  std::size_t first = 0;
  while (first < labels.size() && IsMetadata(labels[first].name)) ++first;
  return labels.subspan(first);
}

StepVector InOrder(const StepVector& vector, std::span<const std::uint32_t> order) {
  FrameBuilder frame(vector.frame->symbols());
  for (const std::uint32_t i : order) frame.Add((*vector.frame)[i], vector.frame->DropsName(i));
  StepVector out(frame.Finish(vector.frame->distinct()), 1);
  for (std::size_t to = 0; to < order.size(); ++to) out.Set(to, 0, vector.At(order[to], 0));
  return out;
}

Error Evaluator::TooManySamples() const {
  return {fmt::format("query processing would load too many samples into memory in query "
                      "execution: more than {}",
                      query_.options.max_samples),
          Reason::kLimit};
}

Error Evaluator::TooManyBytes() const {
  return {fmt::format("query processing would hold too much memory in query execution: more than "
                      "{} bytes",
                      query_.options.max_bytes),
          Reason::kLimit};
}

Result<Value> Evaluator::Evaluate(const Expr& expr) {
  // Every node costs at least a value per step.
  if (steps_.count > query_.options.max_samples) return TooManySamples();
  if (const auto error = Interrupted(query_.nodes++ * 64)) return *error;  // at each 16th node
  if (query_.common != nullptr) {
    if (const Value* known = query_.common->Find(expr, steps_)) return *known;
  }
  const std::size_t samples = query_.samples, bytes = query_.bytes;
  Result<Value> value = Dispatch(expr);
  if (!value.ok()) return value;
  if (query_.common != nullptr) query_.common->Keep(expr, steps_, *value);
  query_.samples = samples + Samples(*value);
  query_.bytes = bytes + Bytes(*value);
  if (query_.samples > query_.options.max_samples) return TooManySamples();
  if (query_.bytes > query_.options.max_bytes) return TooManyBytes();
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

Result<StepVector> Evaluator::Aggregated(const Expr& expr) {
  ++query_.aggregations;
  Result<StepVector> vector = Vector(expr);
  --query_.aggregations;
  return vector;
}

Result<StepScalar> Evaluator::Scalar(const Expr& expr) {
  Result<Value> value = Evaluate(expr);
  if (!value.ok()) return value.error();
  return std::get<StepScalar>(std::move(value->value));
}

Result<std::string> Evaluator::String(const Expr& expr) {
  Result<Value> value = Evaluate(expr);
  if (!value.ok()) return value.error();
  return std::get<std::string>(std::move(value->value));
}

Result<RangeVector> Evaluator::Range(const Expr& expr) {
  const Expr& inner = Unwrap(expr);
  if (const auto* subquery = std::get_if<Subquery>(&inner.node)) return RunSubquery(*subquery);
  return SelectRange(inner, std::get<MatrixSelector>(inner.node));
}

Result<StepVector> Evaluator::DropNames(const Expr& expr, StepVector vector) {
  Relabelling& memo = MemoOf<Relabelling>(expr, Memos::kNames);
  if (memo.input != vector.frame) {
    if (query_.options.delayed_name_removal) {
      FrameBuilder frame(vector.frame->symbols());
      for (std::size_t i = 0; i < vector.size(); ++i) frame.Add((*vector.frame)[i], true);
      memo.frame = frame.Finish(vector.frame->distinct());
      memo.input = vector.frame;
    } else {
      DropMetadata(vector.frame, memo, [](std::size_t) { return true; });
    }
  }
  return Move(std::move(vector), memo);
}

Result<StepVector> Evaluator::Finish(const Expr& expr, StepVector vector) {
  if (vector.frame->distinct() && !vector.frame->DropsAnyName()) return vector;
  Relabelling& memo = MemoOf<Relabelling>(expr, Memos::kFinish);
  if (memo.input != vector.frame) {
    DropMetadata(vector.frame, memo, [&](std::size_t i) { return vector.frame->DropsName(i); });
  }
  return Move(std::move(vector), memo);
}

Result<StepVector> Evaluator::Move(StepVector vector, const Relabelling& relabelling) const {
  if (relabelling.to.empty()) {
    vector.frame = relabelling.frame;
    return vector;
  }
  StepVector moved = NewVector(relabelling.frame);
  for (std::size_t i = 0; i < relabelling.to.size(); ++i) {
    const std::size_t to = relabelling.to[i];
    for (std::size_t step = 0; step < steps_.count; ++step) {
      if (!vector.Has(i, step)) continue;
      if (moved.Has(to, step)) return Error{"vector cannot contain metrics with the same labelset"};
      moved.Set(to, step, vector.At(i, step));
    }
  }
  return moved;
}

Result<Value> Evaluator::EvaluateAt(const Expr&, const NumberLiteral& node) {
  return Value{StepScalar(steps_.count, node.value)};
}

Result<Value> Evaluator::EvaluateAt(const Expr&, const StringLiteral& node) {
  return Value{node.value};
}

Result<Value> Evaluator::EvaluateAt(const Expr& expr, const VectorSelector& node) {
  Result<StepVector> vector =
      node.smoothed ? Smoothed(expr, node) : SelectInstant(&expr, node, Give::kValue);
  if (!vector.ok()) return vector.error();
  return Value{std::move(vector).value()};
}

Result<Value> Evaluator::EvaluateAt(const Expr& expr, const MatrixSelector& node) {
  Result<RangeVector> range = SelectRange(expr, node);
  if (!range.ok()) return range.error();
  return Value{std::move(range).value()};
}

Result<Value> Evaluator::EvaluateAt(const Expr&, const Subquery& node) {
  Result<RangeVector> range = RunSubquery(node);
  if (!range.ok()) return range.error();
  return Value{std::move(range).value()};
}

Result<Value> Evaluator::EvaluateAt(const Expr&, const Paren& node) { return Evaluate(*node.expr); }

Result<Value> Evaluator::EvaluateAt(const Expr& expr, const Unary& node) {
  Result<Value> value = Evaluate(*node.expr);
  if (!value.ok() || !node.negative) return value;
  if (auto* scalar = std::get_if<StepScalar>(&value->value)) {
    for (double& v : *scalar) v = -v;
    return value;
  }
  auto& vector = std::get<StepVector>(value->value);
  for (double& v : vector.values) {
    if (!IsAbsent(v)) v = -v;
  }
  for (HistogramPtr& histogram : vector.histograms) {
    if (histogram) histogram = Changed(*histogram, [](auto& copy) { copy.Mul(-1); });
  }
  Result<StepVector> renamed = DropNames(expr, std::move(vector));
  if (!renamed.ok()) return renamed.error();
  return Value{std::move(renamed).value()};
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
  return node.function->run(*this, expr, node);
}

Result<Value> Evaluator::EvaluateAt(const Expr&, const StepInvariant& node) {
  Evaluator once(query_, Steps{steps_.start, steps_.interval, 1});
  Result<Value> value = once.Evaluate(*node.expr);
  if (!value.ok()) return value;
  if (auto* scalar = std::get_if<StepScalar>(&value->value))
    scalar->resize(steps_.count, scalar->front());
  auto* vector = std::get_if<StepVector>(&value->value);
  if (vector == nullptr || at_one_step()) return value;
  if (vector->size() > query_.options.max_samples / steps_.count) return TooManySamples();
  StepVector repeated = NewVector(vector->frame);
  for (std::size_t i = 0; i < vector->size(); ++i) {
    for (std::size_t step = 0; step < steps_.count; ++step) repeated.Set(i, step, vector->At(i, 0));
  }
  return Value{std::move(repeated)};
}

}  // namespace tierwatch::promql
