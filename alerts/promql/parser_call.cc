#include <utility>

#include "alerts/promql/functions.h"
#include "alerts/promql/parser.h"
#include "base/labels.h"

namespace tierwatch::promql {

using enum TokenKind;

bool Parser::Arguments(std::vector<ExprPtr>& args) {
  if (!Expect(kLeftParen, "", "")) return false;
  if (TakeIf(kRightParen)) return true;
  while (true) {
    Node arg = Expression(1);
    if (!arg) return false;
    args.push_back(std::move(arg));
    if (TakeIf(kRightParen)) return true;
    const Place comma = Now().where;
    if (!Expect(kComma, "", "")) return false;
    if (Now().kind == kRightParen) {
      return Fail(comma, "trailing commas not allowed in function call args") != nullptr;
    }
  }
}

namespace {

int Deepest(const std::vector<ExprPtr>& args) {
  int depth = 0;
  for (const ExprPtr& arg : args) depth = std::max(depth, arg->depth);
  return depth;
}

}  // namespace

Parser::Node Parser::CallExpr() {
  const Token& name = Take();
  Call call;
  if (!Arguments(call.args)) return nullptr;
  call.function = FindFunction(name.text);
  if (call.function == nullptr)
    return Fail(name.where, "unknown function with name " + Quote(name.text));
  const int depth = Deepest(call.args);
  return Make(From(name.where), std::move(call), {depth});
}

bool Parser::Grouping(Aggregate& aggregate) {
  if (Now().kind != kBy && Now().kind != kWithout) return true;
  aggregate.without = Take().kind == kWithout;
  return LabelList(aggregate.grouping);
}

Parser::Node Parser::AggregateExpr() {
  const Token& name = Take();
  Aggregate aggregate;
  aggregate.op = static_cast<AggregateOp>(static_cast<int>(name.kind) - static_cast<int>(kAvg));
  const bool grouped_first = Now().kind != kLeftParen;
  if (!Grouping(aggregate)) return nullptr;
  if (Now().kind != kLeftParen) return Unexpected("aggregation");
  std::vector<ExprPtr> args;
  if (!Arguments(args) || (!grouped_first && !Grouping(aggregate))) return nullptr;
  const Place where = From(name.where);
  if (args.empty()) return Fail(where, "no arguments for aggregate expression provided");
  const std::size_t wanted = TakesParameter(aggregate.op) ? 2 : 1;
  if (args.size() != wanted) {
    return Fail(where, "wrong number of arguments for aggregate expression provided, expected " +
                           std::to_string(wanted) + ", got " + std::to_string(args.size()));
  }
  const int depth = Deepest(args);
  if (wanted == 2) aggregate.parameter = args.front();
  aggregate.expr = args.back();
  return Make(where, std::move(aggregate), {depth});
}

}  // namespace tierwatch::promql
