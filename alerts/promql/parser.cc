#include "alerts/promql/parser.h"

#include <algorithm>
#include <utility>

#include "alerts/promql/text.h"

namespace tierwatch::promql {
namespace {

using enum TokenKind;

constexpr int kUnaryPrecedence = 5;  // as multiplication
constexpr int kPowPrecedence = 6;

int Precedence(TokenKind kind) {
  switch (kind) {
    case kOr:
      return 1;
    case kAnd:
    case kUnless:
      return 2;
    case kEqual:
    case kNotEqual:
    case kLess:
    case kLessEqual:
    case kGreater:
    case kGreaterEqual:
    case kTrimUpper:
    case kTrimLower:
      return 3;
    case kAdd:
    case kSub:
      return 4;
    case kMul:
    case kDiv:
    case kMod:
    case kAtan2:
      return 5;
    case kPow:
      return kPowPrecedence;
    default:
      return 0;
  }
}

BinaryOp ToBinaryOp(TokenKind kind) {
  return static_cast<BinaryOp>(static_cast<int>(kind) - static_cast<int>(kAdd));
}

// Counts how deep the parser is while it lives.
struct Deeper {
  explicit Deeper(int& depth) : depth_(depth) { ++depth_; }
  ~Deeper() { --depth_; }
  int& depth_;
};

}  // namespace

Result<ExprPtr> Parse(std::string_view text) { return Parser(text).Run(); }

Result<std::vector<series::Matcher>> ParseSelector(std::string_view text) {
  return Parser(text).RunSelector();
}

Result<ExprPtr> Parser::Run() {
  if (Now().kind == kEnd)
    return Error{"1:1: parse error: no expression found in input", Reason::kParse};
  Node expr = Expression(1);
  if (expr && Now().kind != kEnd) expr = Unexpected();
  if (!expr) return *error_;
  return CheckTypes(std::move(expr));
}

// Unlike in an expression, a selector may choose everything: the API refuses that in its own words.
Result<std::vector<series::Matcher>> Parser::RunSelector() {
  Node expr = SelectorExpr();
  if (expr && Now().kind != kEnd) expr = Unexpected();
  if (!expr) return *error_;
  return std::get<VectorSelector>(expr->node).matchers;
}

const Token& Parser::Take() {
  const Token& token = tokens_[at_];
  if (at_ + 1 < tokens_.size()) ++at_;
  return token;
}

bool Parser::TakeIf(TokenKind kind) {
  if (Now().kind != kind) return false;
  Take();
  return true;
}

bool Parser::Expect(TokenKind kind, std::string_view context, std::string_view expected) {
  if (TakeIf(kind)) return true;
  Unexpected(context, expected);
  return false;
}

std::nullptr_t Parser::Fail(const Place& where, std::string message) {
  if (!error_)
    error_ = Error{where.ToString() + ": parse error: " + std::move(message), Reason::kParse};
  return nullptr;
}

std::nullptr_t Parser::Unexpected(std::string_view context, std::string_view expected) {
  if (Now().kind == kError) return Fail(Now().where, Now().error);
  std::string message = "unexpected " + Now().Describe();
  if (!context.empty()) message += " in " + std::string(context);
  if (!expected.empty()) message += ", expected " + std::string(expected);
  return Fail(Now().where, std::move(message));
}

// From `begin` to the end of the token taken last.
Place Parser::From(const Place& begin) const {
  Place place = begin;
  if (at_ > 0) place.end = std::max(place.end, tokens_[at_ - 1].where.end);
  return place;
}

template <class T>
Parser::Node Parser::Make(const Place& where, T node, std::initializer_list<int> child_depths) {
  auto expr = std::make_shared<Expr>();
  expr->where = where;
  for (const int depth : child_depths) expr->depth = std::max(expr->depth, depth + 1);
  if (expr->depth > kMaxDepth) return Fail(where, "expression is nested too deeply");
  expr->node = std::move(node);
  return expr;
}
template Parser::Node Parser::Make(const Place&, VectorSelector, std::initializer_list<int>);
template Parser::Node Parser::Make(const Place&, MatrixSelector, std::initializer_list<int>);
template Parser::Node Parser::Make(const Place&, Subquery, std::initializer_list<int>);
template Parser::Node Parser::Make(const Place&, Aggregate, std::initializer_list<int>);
template Parser::Node Parser::Make(const Place&, Call, std::initializer_list<int>);

Parser::Node Parser::Expression(int min_precedence) {
  const Deeper deeper(depth_);
  if (depth_ > kMaxDepth) return Fail(Now().where, "expression is nested too deeply");
  Node lhs = Operand();
  while (lhs) {
    const int precedence = Precedence(Now().kind);
    if (precedence == 0 || precedence < min_precedence) break;
    lhs = BinaryExpr(std::move(lhs), precedence);
  }
  return lhs;
}

Parser::Node Parser::BinaryExpr(Node lhs, int precedence) {
  Binary binary;
  binary.op_place = Now().where;
  binary.op = ToBinaryOp(Take().kind);
  binary.matching.emplace();
  if (!Modifiers(binary)) return nullptr;
  Node rhs = Expression(precedence == kPowPrecedence ? precedence : precedence + 1);
  if (!rhs) return nullptr;
  binary.lhs = lhs;
  binary.rhs = rhs;
  Place where = lhs->where;
  where.end = rhs->where.end;
  return Make(where, std::move(binary), {lhs->depth, rhs->depth});
}

Parser::Node Parser::Operand() {
  if (Now().kind == kAdd || Now().kind == kSub) return UnaryExpr();
  Node expr = Primary();
  return expr ? Postfix(std::move(expr)) : nullptr;
}

Parser::Node Parser::UnaryExpr() {
  const Token& sign = Take();
  const bool negative = sign.kind == kSub;
  Node operand = Expression(kUnaryPrecedence + 1);
  if (!operand) return nullptr;
  Place where = sign.where;
  where.end = operand->where.end;
  if (auto* number = std::get_if<NumberLiteral>(&operand->node)) {
    if (negative) number->value = -number->value;
    operand->where = where;
    return operand;
  }
  const int depth = operand->depth;
  return Make(where, Unary{negative, std::move(operand)}, {depth});
}

Parser::Node Parser::Postfix(Node expr) {
  while (expr) {
    switch (Now().kind) {
      case kLeftBracket:
        expr = Bracket(std::move(expr));
        break;
      case kOffset:
        expr = OffsetModifier(std::move(expr));
        break;
      case kAt:
        expr = AtModifier(std::move(expr));
        break;
      case kAnchored:
      case kSmoothed: {
        const bool anchored = Take().kind == kAnchored;
        expr = ExtendedModifier(std::move(expr), anchored);
        break;
      }
      default:
        return expr;
    }
  }
  return nullptr;
}

Parser::Node Parser::Primary() {
  const TokenKind kind = Now().kind;
  const bool call = Ahead(1).kind == kLeftParen;
  if (kind == kNumber || kind == kDuration) return NumberExpr();
  if (kind == kString) return StringExpr();
  if (kind == kLeftParen) return ParenExpr();
  if (kind == kLeftBrace || kind == kMetricIdentifier) return SelectorExpr();
  if (kind == kIdentifier) return call ? CallExpr() : SelectorExpr();
  if (IsAggregation(kind)) {
    const bool aggregation = call || Ahead(1).kind == kBy || Ahead(1).kind == kWithout;
    return aggregation ? AggregateExpr() : SelectorExpr();
  }
  if (kind >= kStart && kind <= kMinOf) return call ? CallExpr() : SelectorExpr();
  // These keywords are metric names where a metric may stand; bool, on, ignoring and group_* are
  // not.
  const bool name = kind == kOffset || kind == kSmoothed || kind == kAnchored || kind == kBy ||
                    kind == kWithout || kind == kAnd || kind == kOr || kind == kUnless ||
                    kind == kFill || kind == kFillLeft || kind == kFillRight;
  return name ? SelectorExpr() : Unexpected();
}

Parser::Node Parser::ParenExpr() {
  const Place begin = Take().where;
  Node inner = Expression(1);
  if (!inner || !Expect(kRightParen, "", "")) return nullptr;
  const int depth = inner->depth;
  return Make(From(begin), Paren{std::move(inner)}, {depth});
}

Parser::Node Parser::NumberExpr() {
  const Token& token = Now();
  const std::optional<double> value = NumberOrDuration();
  if (!value) return nullptr;
  return Make(token.where, NumberLiteral{*value, token.kind == kDuration});
}

Parser::Node Parser::StringExpr() {
  const Token& token = Take();
  std::optional<std::string> value = Unquote(token.text);
  if (!value)
    return Fail(token.where, "error unquoting string " + Quote(token.text) + ": invalid syntax");
  return Make(token.where, StringLiteral{std::move(*value)});
}

bool Parser::Modifiers(Binary& binary) {
  binary.return_bool = TakeIf(kBool);
  VectorMatching& matching = *binary.matching;
  if (Now().kind == kOn || Now().kind == kIgnoring) {
    matching.on = Take().kind == kOn;
    if (!LabelList(matching.labels)) return false;
    if (Now().kind == kGroupLeft || Now().kind == kGroupRight) {
      const bool left = Take().kind == kGroupLeft;
      matching.cardinality = left ? Cardinality::kManyToOne : Cardinality::kOneToMany;
      if (Now().kind == kLeftParen && !LabelList(matching.include)) return false;
    }
  }
  return FillModifiers(matching);
}

bool Parser::FillModifiers(VectorMatching& matching) {
  if (TakeIf(kFill)) {
    matching.fill_left = matching.fill_right = FillValue();
    return matching.fill_left.has_value();
  }
  for (int i = 0; i < 2; ++i) {
    std::optional<double>* side = Now().kind == kFillLeft    ? &matching.fill_left
                                  : Now().kind == kFillRight ? &matching.fill_right
                                                             : nullptr;
    if (side == nullptr || side->has_value()) return true;
    Take();
    *side = FillValue();
    if (!side->has_value()) return false;
  }
  return true;
}

std::optional<double> Parser::FillValue() {
  if (!Expect(kLeftParen, "", "")) return std::nullopt;
  const bool negative = Now().kind == kSub;
  if (negative || Now().kind == kAdd) Take();
  std::optional<double> value = NumberOrDuration();
  if (!value || !Expect(kRightParen, "", "")) return std::nullopt;
  return negative ? -*value : *value;
}

bool Parser::LabelList(std::vector<std::string>& labels) {
  constexpr std::string_view kContext = "grouping opts";
  if (!Expect(kLeftParen, kContext, "\"(\"")) return false;
  while (!TakeIf(kRightParen)) {
    const Token& token = Now();
    const bool word = token.kind == kIdentifier || token.kind == kMetricIdentifier ||
                      IsAggregation(token.kind) || IsKeyword(token.kind) || token.kind == kAnd ||
                      token.kind == kOr || token.kind == kUnless || token.kind == kAtan2;
    if (!word && token.kind != kString) return Unexpected(kContext, "label") != nullptr;
    Take();
    std::string name =
        token.kind == kString ? Unquote(token.text).value_or("") : std::string(token.text);
    if (name.empty() || !IsUtf8(name)) {
      return Fail(token.where, "invalid label name for grouping: " + Quote(name)) != nullptr;
    }
    labels.push_back(std::move(name));
    if (Now().kind != kRightParen && !Expect(kComma, kContext, "\",\" or \")\"")) return false;
  }
  return true;
}

}  // namespace tierwatch::promql
