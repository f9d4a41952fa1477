// Evaluates a resolved syntax tree at all steps at once.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "alerts/promql/annotations.h"
#include "alerts/promql/ast.h"
#include "alerts/promql/promql.h"
#include "alerts/promql/value.h"
#include "alerts/series/queryable.h"
#include "base/result.h"

namespace tierwatch::promql {

/// What the evaluators of one query share.
struct QueryState {
  const series::Queryable& storage;
  const EngineOptions& options;
  Annotations notes{};
  std::size_t samples = 0;  // held at the moment
};

/// Not thread-safe; one per query and grid of steps (a subquery has its own).
class Evaluator {
 public:
  Evaluator(QueryState& query, Steps steps) : query_(query), steps_(steps) {}

  Result<Value> Evaluate(const Expr& expr);
  /// The value of an expression of that type; asking for another type is a bug.
  Result<StepVector> Vector(const Expr& expr);
  Result<StepScalar> Scalar(const Expr& expr);
  Result<RangeVector> Range(const Expr& expr);

  const Steps& steps() const { return steps_; }
  Annotations& notes() { return query_.notes; }
  const EngineOptions& options() const { return query_.options; }
  bool at_one_step() const { return steps_.count == 1; }

  /// The result is no longer the metric that it was: its name goes, at once or when the evaluation
  /// ends.
  void DropName(StepSeries& series) const;
  /// Joins series of equal labels. Two of them at one step are an error.
  Result<StepVector> Merge(StepVector vector) const;
  /// A new series without a value at any step.
  StepSeries NewSeries(Labels labels) const {
    return {std::move(labels), false, std::vector<double>(steps_.count, Absent())};
  }

  /// What an instant selector gives instead of its values.
  enum class Give { kValue, kTime, kStartTime };
  Result<StepVector> SelectInstant(const VectorSelector& selector, Give give);
  Result<series::Selection> Select(const VectorSelector& selector, TimestampMs from,
                                   TimestampMs to);

 private:
  Result<Value> Dispatch(const Expr& expr);
  Result<Value> EvaluateAt(const Expr& expr, const NumberLiteral& node);
  Result<Value> EvaluateAt(const Expr& expr, const StringLiteral& node);
  Result<Value> EvaluateAt(const Expr& expr, const VectorSelector& node);
  Result<Value> EvaluateAt(const Expr& expr, const MatrixSelector& node);
  Result<Value> EvaluateAt(const Expr& expr, const Subquery& node);
  Result<Value> EvaluateAt(const Expr& expr, const Paren& node);
  Result<Value> EvaluateAt(const Expr& expr, const Unary& node);
  Result<Value> EvaluateAt(const Expr& expr, const Binary& node);
  Result<Value> EvaluateAt(const Expr& expr, const Aggregate& node);
  Result<Value> EvaluateAt(const Expr& expr, const Call& node);
  Result<Value> EvaluateAt(const Expr& expr, const StepInvariant& node);
  Result<RangeVector> SelectRange(const MatrixSelector& node);
  Result<RangeVector> RunSubquery(const Subquery& node);
  Result<StepVector> Smoothed(const VectorSelector& selector, const Place& where);
  Point SmoothedAt(const RangeSeries& range, TimestampMs time, const Place& where);
  Error TooManySamples() const;

  QueryState& query_;
  const Steps steps_;
};

/// All labels in braces, the name too: how errors show a series.
std::string Braces(const Labels& labels);
/// Prometheus's metadata labels __name__, __type__ and __unit__ taken out.
Labels WithoutName(const Labels& labels);

// The kinds of operations, each in a file of its own.
Result<Value> EvaluateBinary(Evaluator& evaluator, const Expr& expr, const Binary& node);
Result<StepVector> EvaluateMatched(Evaluator& evaluator, const Expr& expr, const Binary& node,
                                   StepVector lhs, StepVector rhs);
Result<StepVector> EvaluateSetOperator(Evaluator& evaluator, const Binary& node, StepVector lhs,
                                       StepVector rhs);
Result<StepVector> EvaluateAggregate(Evaluator& evaluator, const Expr& expr, const Aggregate& node);

}  // namespace tierwatch::promql
