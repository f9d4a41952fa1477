#include "alerts/promql/narrow.h"

#include <algorithm>
#include <string>

#include "alerts/promql/ast.h"
#include "alerts/promql/functions.h"

namespace tierwatch::promql {
namespace {

using Matchers = std::span<const series::Matcher>;

void Add(VectorSelector& selector, Matchers matchers) {
  for (const series::Matcher& matcher : matchers) {
    const std::string text = matcher.ToString();
    if (std::any_of(selector.matchers.begin(), selector.matchers.end(),
                    [&](const series::Matcher& own) { return own.ToString() == text; })) {
      continue;
    }
    // The name that was written outside of the braces stays last.
    selector.matchers.insert(selector.matchers.end() - (selector.name.empty() ? 0 : 1), matcher);
  }
}

struct Narrower {
  Matchers matchers;

  void operator()(NumberLiteral&) const {}
  void operator()(StringLiteral&) const {}
  void operator()(VectorSelector& node) const { Add(node, matchers); }
  void operator()(MatrixSelector& node) const { Add(node.vector, matchers); }
  void operator()(Subquery& node) const { Inside(node.expr); }
  void operator()(Paren& node) const { Inside(node.expr); }
  void operator()(Unary& node) const { Inside(node.expr); }
  void operator()(StepInvariant& node) const { Inside(node.expr); }
  void operator()(Binary& node) const {
    Inside(node.lhs);
    Inside(node.rhs);
  }
  void operator()(Aggregate& node) const {
    if (node.parameter) Inside(node.parameter);
    Inside(node.expr);
  }
  void operator()(Call& node) const {
    const std::size_t count = node.function->name == "info" ? 1 : node.args.size();
    for (std::size_t i = 0; i < count; ++i) Inside(node.args[i]);
  }
  void Inside(ExprPtr& expr) const { expr = Narrow(expr, matchers); }
};

}  // namespace

ExprPtr Narrow(const ExprPtr& expr, Matchers matchers) {
  auto narrowed = std::make_shared<Expr>(*expr);
  std::visit(Narrower{matchers}, narrowed->node);
  return narrowed;
}

}  // namespace tierwatch::promql
