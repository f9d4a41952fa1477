// Types and the rules that the grammar doesn't say. Source: Prometheus 3.14, promql/parser/parse.go
// (checkAST).
#include <algorithm>
#include <optional>
#include <string>

#include "alerts/promql/functions.h"
#include "alerts/promql/parser.h"
#include "base/labels.h"

namespace tierwatch::promql {
namespace {

std::string_view Documented(ValueType type) {
  switch (type) {
    case ValueType::kScalar:
      return "scalar";
    case ValueType::kVector:
      return "instant vector";
    case ValueType::kMatrix:
      return "range vector";
    case ValueType::kString:
      return "string";
    case ValueType::kNone:
      break;
  }
  return "none";
}

std::string_view Plain(ValueType type) {
  switch (type) {
    case ValueType::kVector:
      return "vector";
    case ValueType::kMatrix:
      return "matrix";
    default:
      return Documented(type);
  }
}

bool ScalarOrVector(ValueType type) {
  return type == ValueType::kScalar || type == ValueType::kVector;
}

// Trees are fresh from the parser here and nobody else's, so a node may still be settled.
Expr& Mutable(const ExprPtr& expr) { return const_cast<Expr&>(*expr); }

class Checker {
 public:
  std::optional<Error> error;

  ValueType Check(Expr& expr) {
    if (!error) std::visit([&](auto& node) { Visit(expr, node); }, expr.node);
    return TypeOf(expr);
  }

 private:
  void Fail(const Place& where, std::string message) {
    if (!error)
      error = Error{where.ToString() + ": parse error: " + std::move(message), Reason::kParse};
  }
  void Want(const ExprPtr& expr, ValueType want, const std::string& context) {
    const ValueType type = Check(Mutable(expr));
    if (type != want) {
      Fail(expr->where, "expected type " + std::string(Documented(want)) + " in " + context +
                            ", got " + std::string(Documented(type)));
    }
  }

  void Visit(Expr&, NumberLiteral&) {}
  void Visit(Expr&, StringLiteral&) {}
  void Visit(Expr&, Paren& node) { Check(Mutable(node.expr)); }
  void Visit(Expr&, StepInvariant& node) { Check(Mutable(node.expr)); }
  void Visit(Expr& expr, MatrixSelector& node) { Visit(expr, node.vector); }

  void Visit(Expr& expr, VectorSelector& node) {
    if (!node.name.empty()) {
      for (std::size_t i = 0; i + 1 < node.matchers.size(); ++i) {
        if (node.matchers[i].name() != kMetricName) continue;
        return Fail(expr.where, "metric name must not be set twice: " + Quote(node.name) + " or " +
                                    Quote(node.matchers[i].value()));
      }
      return;
    }
    const bool narrows =
        std::any_of(node.matchers.begin(), node.matchers.end(),
                    [](const series::Matcher& matcher) { return !matcher.Matches(""); });
    if (!narrows && &expr != info_selector_) {
      Fail(expr.where, "vector selector must contain at least one non-empty matcher");
    }
  }

  void Visit(Expr& expr, Subquery& node) {
    const ValueType type = Check(Mutable(node.expr));
    if (type != ValueType::kVector) {
      Fail(expr.where, "subquery is only allowed on instant vector, got " +
                           std::string(Plain(type)) + " instead");
    }
  }

  void Visit(Expr& expr, Unary& node) {
    const ValueType type = Check(Mutable(node.expr));
    if (ScalarOrVector(type)) return;
    Fail(expr.where,
         "unary expression only allowed on expressions of type scalar or instant vector, got " +
             Quote(Documented(type)));
  }

  void Visit(Expr&, Aggregate& node) {
    Want(node.expr, ValueType::kVector, "aggregation expression");
    if (!node.parameter) return;
    const bool text = node.op == AggregateOp::kCountValues;
    Want(node.parameter, text ? ValueType::kString : ValueType::kScalar, "aggregation parameter");
  }

  void Visit(Expr& expr, Binary& node) {
    const ValueType left = Check(Mutable(node.lhs));
    const ValueType right = Check(Mutable(node.rhs));
    const bool scalars = left == ValueType::kScalar && right == ValueType::kScalar;
    VectorMatching& matching = *node.matching;
    if (node.return_bool && !IsComparison(node.op)) {
      Fail(node.op_place, "bool modifier can only be used on comparison operators");
    }
    if (IsComparison(node.op) && !node.return_bool && scalars) {
      Fail(node.op_place, "comparisons between scalars must use BOOL modifier");
    }
    for (const std::string& label : matching.labels) {
      if (!matching.on || std::find(matching.include.begin(), matching.include.end(), label) ==
                              matching.include.end()) {
        continue;
      }
      Fail(node.op_place,
           "label " + Quote(label) + " must not occur in ON and GROUP clause at once");
    }
    for (const ExprPtr& side : {node.lhs, node.rhs}) {
      if (ScalarOrVector(TypeOf(*side))) continue;
      Fail(side->where, "binary expression must contain only scalar and instant vector types");
    }
    CheckMatching(expr, node, left == ValueType::kVector && right == ValueType::kVector);
    if ((left == ValueType::kScalar || right == ValueType::kScalar) && IsSetOperator(node.op)) {
      Fail(expr.where,
           "set operator " + Quote(OpText(node.op)) + " not allowed in binary scalar expression");
    }
  }

  void CheckMatching(Expr& expr, Binary& node, bool vectors) {
    VectorMatching& matching = *node.matching;
    const bool fills = matching.fill_left || matching.fill_right;
    if (!vectors) {
      if (!matching.labels.empty())
        Fail(expr.where, "vector matching only allowed between instant vectors");
      if (fills) Fail(expr.where, "filling in missing series only allowed between instant vectors");
      node.matching.reset();
      return;
    }
    if (!IsSetOperator(node.op)) return;
    if (matching.cardinality != Cardinality::kOneToOne) {
      Fail(expr.where, "no grouping allowed for " + Quote(OpText(node.op)) + " operation");
    }
    if (fills) Fail(expr.where, "filling in missing series not allowed for set operators");
    matching.cardinality = Cardinality::kManyToMany;
  }

  void Visit(Expr& expr, Call& node) {
    const Function& function = *node.function;
    const int count = static_cast<int>(node.args.size());
    const int most = function.arg_count();
    const int least = function.variadic == 0 ? most : most - 1;
    const int limit = function.variadic == 0 ? most : least + function.variadic;
    const std::string call =
        " argument(s) in call to " + Quote(function.name) + ", got " + std::to_string(count);
    if (function.variadic == 0 && count != most) {
      return Fail(expr.where, "expected " + std::to_string(most) + call);
    }
    if (count < least) return Fail(expr.where, "expected at least " + std::to_string(least) + call);
    if (function.variadic > 0 && count > limit) {
      return Fail(expr.where, "expected at most " + std::to_string(limit) + call);
    }
    if (function.name == "info" && count > 1) CheckInfo(expr, node);
    for (int i = 0; i < count; ++i) {
      Want(node.args[i], function.args[std::min(i, most - 1)],
           "call to function " + Quote(function.name));
    }
  }

  // The second argument of info() is a selector of labels, whatever the metric.
  void CheckInfo(Expr& expr, Call& node) {
    const ExprPtr& arg = node.args[1];
    const auto* selector = std::get_if<VectorSelector>(&arg->node);
    if (TypeOf(*arg) != ValueType::kVector) {
      return Fail(expr.where, "expected type instant vector in call to function \"info\", got " +
                                  std::string(Documented(TypeOf(*arg))));
    }
    if (selector == nullptr) return Fail(arg->where, "expected label selectors only");
    if (!selector->name.empty()) {
      return Fail(arg->where, "expected label selectors only, got vector selector instead");
    }
    info_selector_ = arg.get();
  }

  const Expr* info_selector_ = nullptr;
};

}  // namespace

Result<ExprPtr> CheckTypes(std::shared_ptr<Expr> expr) {
  Checker checker;
  checker.Check(*expr);
  if (checker.error) return *checker.error;
  return ExprPtr(std::move(expr));
}

}  // namespace tierwatch::promql
