#include "alerts/promql/ast.h"

#include "alerts/promql/functions.h"

namespace tierwatch::promql {

std::string_view OpText(BinaryOp op) {
  static constexpr std::string_view kTexts[] = {
      "+",  "-", "*",  "/",  "%",  "^",   "==", "!=",     "<",
      "<=", ">", ">=", "</", ">/", "and", "or", "unless", "atan2"};
  return kTexts[static_cast<std::size_t>(op)];
}

std::string_view OpText(AggregateOp op) {
  static constexpr std::string_view kTexts[] = {
      "avg", "bottomk", "count",    "count_values", "group",  "limitk", "limit_ratio",
      "max", "min",     "quantile", "stddev",       "stdvar", "sum",    "topk"};
  return kTexts[static_cast<std::size_t>(op)];
}

bool TakesParameter(AggregateOp op) {
  using enum AggregateOp;
  return op == kBottomk || op == kTopk || op == kCountValues || op == kQuantile || op == kLimitk ||
         op == kLimitRatio;
}

const Expr& Unwrap(const Expr& expr) {
  if (const auto* paren = std::get_if<Paren>(&expr.node)) return Unwrap(*paren->expr);
  if (const auto* invariant = std::get_if<StepInvariant>(&expr.node))
    return Unwrap(*invariant->expr);
  return expr;
}

std::vector<ExprPtr> Children(const Expr& expr) {
  struct Visitor {
    std::vector<ExprPtr> operator()(const NumberLiteral&) { return {}; }
    std::vector<ExprPtr> operator()(const StringLiteral&) { return {}; }
    std::vector<ExprPtr> operator()(const VectorSelector&) { return {}; }
    std::vector<ExprPtr> operator()(const MatrixSelector&) { return {}; }
    std::vector<ExprPtr> operator()(const Subquery& node) { return {node.expr}; }
    std::vector<ExprPtr> operator()(const Paren& node) { return {node.expr}; }
    std::vector<ExprPtr> operator()(const Unary& node) { return {node.expr}; }
    std::vector<ExprPtr> operator()(const Binary& node) { return {node.lhs, node.rhs}; }
    std::vector<ExprPtr> operator()(const Aggregate& node) {
      if (node.parameter) return {node.parameter, node.expr};
      return {node.expr};
    }
    std::vector<ExprPtr> operator()(const Call& node) { return node.args; }
    std::vector<ExprPtr> operator()(const StepInvariant& node) { return {node.expr}; }
  };
  return std::visit(Visitor{}, expr.node);
}

ValueType TypeOf(const Expr& expr) {
  struct Visitor {
    ValueType operator()(const NumberLiteral&) { return ValueType::kScalar; }
    ValueType operator()(const StringLiteral&) { return ValueType::kString; }
    ValueType operator()(const VectorSelector&) { return ValueType::kVector; }
    ValueType operator()(const MatrixSelector&) { return ValueType::kMatrix; }
    ValueType operator()(const Subquery&) { return ValueType::kMatrix; }
    ValueType operator()(const Paren& node) { return TypeOf(*node.expr); }
    ValueType operator()(const Unary& node) { return TypeOf(*node.expr); }
    ValueType operator()(const Binary& node) {
      const bool scalars =
          TypeOf(*node.lhs) == ValueType::kScalar && TypeOf(*node.rhs) == ValueType::kScalar;
      return scalars ? ValueType::kScalar : ValueType::kVector;
    }
    ValueType operator()(const Aggregate&) { return ValueType::kVector; }
    ValueType operator()(const Call& node) { return node.function->returns; }
    ValueType operator()(const StepInvariant& node) { return TypeOf(*node.expr); }
  };
  return std::visit(Visitor{}, expr.node);
}

}  // namespace tierwatch::promql
