#include "alerts/rules/value_range.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "alerts/promql/ast.h"
#include "alerts/promql/functions.h"

namespace tierwatch {
namespace {

using namespace promql;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// What functions can give whatever they are asked of.
struct Known {
  std::string_view function;
  ValueRange range;
};
constexpr Known kKnown[] = {{"absent", {1, 1}},
                            {"absent_over_time", {1, 1}},
                            {"present_over_time", {1, 1}},
                            {"count_over_time", {1, kInfinity}},
                            {"abs", {0, kInfinity}},
                            {"changes", {0, kInfinity}},
                            {"resets", {0, kInfinity}},
                            {"hour", {0, 23}},
                            {"minute", {0, 59}},
                            {"day_of_week", {0, 6}},
                            {"day_of_month", {1, 31}},
                            {"day_of_year", {1, 366}},
                            {"days_in_month", {28, 31}},
                            {"month", {1, 12}},
                            {"sgn", {-1, 1}}};

ValueRange Of(double value) { return {value, value}; }

ValueRange Arithmetic(BinaryOp op, const ValueRange& a, const ValueRange& b) {
  if (!a.IsConstant() || !b.IsConstant()) return {};
  switch (op) {
    case BinaryOp::kAdd:
      return Of(a.low + b.low);
    case BinaryOp::kSub:
      return Of(a.low - b.low);
    case BinaryOp::kMul:
      return Of(a.low * b.low);
    case BinaryOp::kDiv:
      return Of(a.low / b.low);
    default:
      return {};
  }
}

/// What a filter by `value op threshold` lets through.
ValueRange Filtered(BinaryOp op, ValueRange value, const ValueRange& threshold) {
  if (op == BinaryOp::kGreater || op == BinaryOp::kGreaterEqual || op == BinaryOp::kEqual)
    value.low = std::max(value.low, threshold.low);
  if (op == BinaryOp::kLess || op == BinaryOp::kLessEqual || op == BinaryOp::kEqual)
    value.high = std::min(value.high, threshold.high);
  return value;
}

BinaryOp Mirrored(BinaryOp op) {
  switch (op) {
    case BinaryOp::kLess:
      return BinaryOp::kGreater;
    case BinaryOp::kLessEqual:
      return BinaryOp::kGreaterEqual;
    case BinaryOp::kGreater:
      return BinaryOp::kLess;
    case BinaryOp::kGreaterEqual:
      return BinaryOp::kLessEqual;
    default:
      return op;
  }
}

ValueRange OfBinary(const Binary& node) {
  const ValueRange left = InferRange(*node.lhs);
  const ValueRange right = InferRange(*node.rhs);
  if (IsComparison(node.op)) {
    if (node.return_bool) return {0, 1};
    // Of a number and a vector the vector's elements are what is given.
    if (TypeOf(*node.lhs) == ValueType::kScalar) return Filtered(Mirrored(node.op), right, left);
    // What a missing side is filled with is in neither range.
    if (node.matching && (node.matching->fill_left || node.matching->fill_right)) return {};
    return Filtered(node.op, left, right);
  }
  if (node.op == BinaryOp::kOr)
    return {std::min(left.low, right.low), std::max(left.high, right.high)};
  if (IsSetOperator(node.op)) return left;
  return node.matching ? ValueRange{} : Arithmetic(node.op, left, right);
}

ValueRange OfAggregate(const Aggregate& node) {
  using enum AggregateOp;
  switch (node.op) {
    case kCount:
    case kCountValues:
      return {1, kInfinity};
    case kGroup:
      return Of(1);
    case kMin:
    case kMax:
    case kTopk:
    case kBottomk:
    case kLimitk:
    case kLimitRatio:
      return InferRange(*node.expr);
    default:
      return {};
  }
}

ValueRange OfCall(const Call& node) {
  const std::string_view name = node.function->name;
  if (name == "vector" || name == "sort" || name == "sort_desc") return InferRange(*node.args[0]);
  for (const Known& known : kKnown) {
    if (known.function == name) return known.range;
  }
  return {};
}

}  // namespace

ValueRange InferRange(const promql::Expr& expr) {
  const Expr& inner = Unwrap(expr);
  ValueRange range;
  if (const auto* number = std::get_if<NumberLiteral>(&inner.node)) range = Of(number->value);
  if (const auto* binary = std::get_if<Binary>(&inner.node)) range = OfBinary(*binary);
  if (const auto* aggregate = std::get_if<Aggregate>(&inner.node)) range = OfAggregate(*aggregate);
  if (const auto* call = std::get_if<Call>(&inner.node)) range = OfCall(*call);
  if (const auto* unary = std::get_if<Unary>(&inner.node)) {
    range = InferRange(*unary->expr);
    if (unary->negative) range = {-range.high, -range.low};
  }
  return std::isnan(range.low) || std::isnan(range.high) ? ValueRange{} : range;
}

}  // namespace tierwatch
