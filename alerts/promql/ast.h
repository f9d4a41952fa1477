// The syntax tree of a PromQL expression. Immutable once parsed; shared freely between threads.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "alerts/promql/lexer.h"
#include "alerts/promql/promql.h"
#include "alerts/series/matcher.h"
#include "base/clock.h"

namespace tierwatch::promql {

struct Function;  // alerts/promql/functions.h

/// No tree is higher than this, so that whatever recurses over one needs a bounded stack.
inline constexpr int kMaxDepth = 400;

/// A duration computed at evaluation: `step() * 2`, `(5m + 30s)`.
struct DurationNode {
  enum class Kind {
    kNumber,
    kStep,
    kRange,
    kNegate,
    kAdd,
    kSub,
    kMul,
    kDiv,
    kMod,
    kPow,
    kMinOf,
    kMaxOf
  };
  Kind kind = Kind::kNumber;
  double seconds = 0;        // of kNumber
  bool as_duration = false;  // written with units
  bool parens = false;
  std::shared_ptr<const DurationNode> lhs, rhs;  // kNegate has rhs alone
  Place where;
  int depth = 1;
};
using DurationPtr = std::shared_ptr<const DurationNode>;

/// A range, step or offset: a value, or an expression that gives one once the query's step and
/// range are known.
struct Duration {
  Millis value{0};
  DurationPtr expr;
  bool IsSet() const { return value.count() != 0 || expr != nullptr; }
};

/// `@ …` and `offset …`.
struct TimeShift {
  enum class At { kNone, kTime, kStart, kEnd };
  At at = At::kNone;
  TimestampMs time = 0;  // of kTime
  Duration offset;
};

struct NumberLiteral {
  double value = 0;
  bool as_duration = false;  // written with units
};

struct StringLiteral {
  std::string value;
};

struct VectorSelector {
  std::string name;  // where it was written outside of the braces; the matchers hold it too, last
  std::vector<series::Matcher> matchers;
  TimeShift shift;
  bool anchored = false;
  bool smoothed = false;
  bool only_counts =
      false;  // nothing will look at the buckets of its histograms; settled by Resolve
};

struct MatrixSelector {
  VectorSelector vector;
  Duration range;
};

struct Subquery {
  ExprPtr expr;
  Duration range;
  Duration step;  // not set: the engine's interval
  TimeShift shift;
};

struct Paren {
  ExprPtr expr;
};

struct Unary {
  bool negative = false;
  ExprPtr expr;
};

enum class BinaryOp {
  kAdd,
  kSub,
  kMul,
  kDiv,
  kMod,
  kPow,
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kTrimUpper,
  kTrimLower,
  kAnd,
  kOr,
  kUnless,
  kAtan2,
};
std::string_view OpText(BinaryOp op);
inline bool IsComparison(BinaryOp op) {
  return op >= BinaryOp::kEqual && op <= BinaryOp::kGreaterEqual;
}
/// What the operator gives is no longer the metric on its left.
inline bool ChangesMetric(BinaryOp op) { return op <= BinaryOp::kPow || op == BinaryOp::kAtan2; }
inline bool IsSetOperator(BinaryOp op) { return op >= BinaryOp::kAnd && op <= BinaryOp::kUnless; }

enum class Cardinality { kOneToOne, kManyToOne, kOneToMany, kManyToMany };

struct VectorMatching {
  Cardinality cardinality = Cardinality::kOneToOne;
  bool on = false;
  std::vector<std::string> labels;
  std::vector<std::string> include;  // of group_left and group_right
  std::optional<double> fill_left, fill_right;
};

struct Binary {
  BinaryOp op = BinaryOp::kAdd;
  Place op_place;
  ExprPtr lhs, rhs;
  bool return_bool = false;
  std::optional<VectorMatching> matching;  // between two vectors only
};

enum class AggregateOp {
  kAvg,
  kBottomk,
  kCount,
  kCountValues,
  kGroup,
  kLimitk,
  kLimitRatio,
  kMax,
  kMin,
  kQuantile,
  kStddev,
  kStdvar,
  kSum,
  kTopk,
};
std::string_view OpText(AggregateOp op);
bool TakesParameter(AggregateOp op);

struct Aggregate {
  AggregateOp op = AggregateOp::kSum;
  ExprPtr parameter;  // of those that take one
  ExprPtr expr;
  bool without = false;
  std::vector<std::string> grouping;
};

struct Call {
  const Function* function = nullptr;
  std::vector<ExprPtr> args;
};

/// Gives the same at every step, so it is evaluated once. Made by Resolve (resolve.h), never by the
/// parser.
struct StepInvariant {
  ExprPtr expr;
};

struct Expr {
  int id = -1;  // given by Resolve: numbers the nodes of what it returns from 0
  ValueType type = ValueType::kNone;  // likewise
  Place where;
  int depth = 1;  // of the tree below, this node included
  std::variant<NumberLiteral, StringLiteral, VectorSelector, MatrixSelector, Subquery, Paren, Unary,
               Binary, Aggregate, Call, StepInvariant>
      node;
};

/// The expression inside any number of parentheses and StepInvariants.
const Expr& Unwrap(const Expr& expr);
/// The direct children, in the order of the text.
std::vector<ExprPtr> Children(const Expr& expr);

}  // namespace tierwatch::promql
