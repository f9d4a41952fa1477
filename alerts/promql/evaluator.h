// Evaluates a resolved syntax tree at all steps at once.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "alerts/promql/annotations.h"
#include "alerts/promql/ast.h"
#include "alerts/promql/common.h"
#include "alerts/promql/memo.h"
#include "alerts/promql/promql.h"
#include "alerts/promql/value.h"
#include "alerts/series/queryable.h"
#include "base/result.h"

namespace tierwatch::promql {

/// What the evaluators of one query share.
struct QueryState {
  series::View& view;
  const EngineOptions& options;
  Memos& memos;
  const Interrupt& interrupt;
  CommonParts* common = nullptr;  // may be null
  bool standing = false;          // the memos are kept for the next time
  Annotations notes{};
  int aggregations = 0;     // around the node that is being evaluated
  std::size_t nodes = 0;    // evaluated so far
  std::size_t samples = 0;  // held at the moment
  std::size_t bytes = 0;    // likewise
};

/// Not thread-safe; one per query and grid of steps (a subquery has its own).
class Evaluator {
 public:
  Evaluator(QueryState& query, Steps steps) : query_(query), steps_(steps) {}

  Result<Value> Evaluate(const Expr& expr);
  /// The value of an expression of that type; asking for another type is a bug.
  Result<StepVector> Vector(const Expr& expr);
  Result<StepScalar> Scalar(const Expr& expr);
  Result<std::string> String(const Expr& expr);
  Result<RangeVector> Range(const Expr& expr);

  const Steps& steps() const { return steps_; }
  Annotations& notes() { return query_.notes; }
  const EngineOptions& options() const { return query_.options; }
  bool at_one_step() const { return steps_.count == 1; }
  /// True where the order of the result's series is to be settled: of an instant query that is
  /// asked once, where no aggregation is around that would sum in that order.
  bool ordered() const { return at_one_step() && !query_.standing && query_.aggregations == 0; }
  /// The argument of an aggregation.
  Result<StepVector> Aggregated(const Expr& expr);
  const std::shared_ptr<series::Symbols>& symbols() const { return query_.view.symbols(); }

  /// What an expression keeps from one evaluation to the next.
  template <class T>
  T& MemoOf(const Expr& expr, Memos::Slot slot = Memos::kOwn) {
    return query_.memos.Of<T>(expr.id, slot);
  }

  /// A vector without a value anywhere.
  StepVector NewVector(FramePtr frame) const { return {std::move(frame), steps_.count}; }
  /// A frame of one series without labels.
  FramePtr Unlabelled() { return query_.memos.Unlabelled(symbols()); }

  /// The result of `expr` is no longer the metric that it was: names go, at once or when the
  /// evaluation ends.
  Result<StepVector> DropNames(const Expr& expr, StepVector vector);
  /// What is left of names that were to go when the evaluation ends.
  Result<StepVector> Finish(const Expr& expr, StepVector vector);
  /// Gives the series the labels that relabelling.frame has for them; series of equal labels are
  /// joined. Two of them at one step are an error. The vector's own frame isn't looked at.
  Result<StepVector> Move(StepVector vector, const Relabelling& relabelling) const;

  /// An error once the query was cancelled or took too long. Long loops ask with their index, which
  /// mostly costs nothing.
  std::optional<Error> Interrupted(std::size_t index = 0) const {
    if ((index & 1023) != 0 || !query_.interrupt) return std::nullopt;
    return query_.interrupt();
  }

  /// What an instant selector gives instead of its values.
  enum class Give { kValue, kTime, kStartTime };
  /// `expr` is where the selector stands, null for one that was made up.
  Result<StepVector> SelectInstant(const Expr* expr, const VectorSelector& selector, Give give);
  Error TooManySamples() const;
  Error TooManyBytes() const;

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
  Result<series::SeriesListPtr> Find(const Expr* expr, const VectorSelector& selector,
                                     series::TimeRange range);
  Result<RangeVector> SelectRange(const Expr& expr, const MatrixSelector& node);
  Result<RangeVector> RunSubquery(const Subquery& node);
  Result<StepVector> Smoothed(const Expr& expr, const VectorSelector& selector);
  Point SmoothedAt(const RangeSeries& range, std::string_view metric, TimestampMs time,
                   const Place& where);

  QueryState& query_;
  const Steps steps_;
};

/// All labels in braces, the name too: how errors show a series.
std::string Braces(const Labels& labels);
/// Prometheus's metadata labels __name__, __type__ and __unit__.
inline bool IsMetadata(Symbol name) {
  return name == series::kNameSymbol || name == series::kTypeSymbol || name == series::kUnitSymbol;
}
/// The labels without those.
LabelPairs WithoutMetadata(LabelPairs labels);

/// Those series of a vector at one step, in that order, and no others.
StepVector InOrder(const StepVector& vector, std::span<const std::uint32_t> order);

// The kinds of operations, each in a file of its own.
Result<Value> EvaluateBinary(Evaluator& evaluator, const Expr& expr, const Binary& node);
Result<StepVector> EvaluateMatched(Evaluator& evaluator, const Expr& expr, const Binary& node,
                                   const StepVector& lhs, const StepVector& rhs);
Result<StepVector> EvaluateSetOperator(Evaluator& evaluator, const Expr& expr, const Binary& node,
                                       StepVector lhs, StepVector rhs);
Result<StepVector> EvaluateAggregate(Evaluator& evaluator, const Expr& expr, const Aggregate& node);

}  // namespace tierwatch::promql
