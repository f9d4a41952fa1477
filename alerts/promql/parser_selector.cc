#include <cmath>
#include <limits>
#include <utility>

#include "alerts/promql/parser.h"
#include "alerts/promql/text.h"
#include "base/duration.h"
#include "base/labels.h"

namespace tierwatch::promql {

using enum TokenKind;
using Kind = DurationNode::Kind;

// --- Selectors
// -------------------------------------------------------------------------------------------------

Parser::Node Parser::SelectorExpr() {
  const Place begin = Now().where;
  VectorSelector selector;
  if (Now().kind != kLeftBrace) {
    const Token& token = Now();
    if (token.kind != kIdentifier && token.kind != kMetricIdentifier &&
        !IsAggregation(token.kind) && !IsKeyword(token.kind) && token.kind != kAnd &&
        token.kind != kOr && token.kind != kUnless) {
      return Unexpected();
    }
    selector.name = Take().text;
  }
  if (Now().kind == kLeftBrace && !Matchers(selector)) return nullptr;
  if (!selector.name.empty())
    selector.matchers.push_back(series::Matcher::Equal(kMetricName, selector.name));
  return Make(From(begin), std::move(selector));
}

bool Parser::Matchers(VectorSelector& selector) {
  Take();
  while (!TakeIf(kRightBrace)) {
    if (!OneMatcher(selector)) return false;
    if (Now().kind != kRightBrace && !Expect(kComma, "label matching", "\",\" or \"}\""))
      return false;
  }
  return true;
}

bool Parser::OneMatcher(VectorSelector& selector) {
  constexpr std::string_view kContext = "label matching";
  const Token& label = Now();
  if (label.kind != kIdentifier && label.kind != kString) {
    Unexpected(kContext, "identifier or \"}\"");
    return false;
  }
  Take();
  std::string name(label.text);
  if (label.kind == kString) name = Unquote(label.text).value_or("");
  const TokenKind op = Now().kind;
  if (op != kAssign && op != kNotEqual && op != kMatchRegexp && op != kMatchNotRegexp) {
    // A quoted string alone is the metric's name.
    if (label.kind == kString && (op == kComma || op == kRightBrace)) {
      selector.matchers.push_back(series::Matcher::Equal(kMetricName, name));
      return true;
    }
    Unexpected(kContext, label.kind == kString ? "\",\" or \"}\"" : "label matching operator");
    return false;
  }
  Take();
  const Token& value = Now();
  if (!Expect(kString, kContext, "string")) return false;
  using series::MatchType;
  const MatchType type = op == kAssign        ? MatchType::kEqual
                         : op == kNotEqual    ? MatchType::kNotEqual
                         : op == kMatchRegexp ? MatchType::kRegexp
                                              : MatchType::kNotRegexp;
  Result<series::Matcher> matcher =
      series::Matcher::Make(type, name, Unquote(value.text).value_or(""));
  if (!matcher.ok()) {
    Fail(label.where, matcher.error().message);
    return false;
  }
  selector.matchers.push_back(std::move(matcher).value());
  return true;
}

// --- [range], [range:step]
// ----------------------------------------------------------------------------------------

Parser::Node Parser::Bracket(Node expr) {
  const Place bracket = Take().where;
  constexpr std::string_view kUnits = "number, duration, step(), or range()";
  if (Now().kind == kRightBracket || Now().kind == kColon || Now().kind == kEnd) {
    return Unexpected("subquery or range selector", kUnits);
  }
  Duration range, step;
  if (!PositiveDuration(range)) return nullptr;
  if (TakeIf(kColon)) {
    if (Now().kind != kRightBracket && !PositiveDuration(step)) return nullptr;
    if (!Expect(kRightBracket, "subquery selector", "\"]\"")) return nullptr;
    const int depth = expr->depth;
    const Place where = From(expr->where);
    return Make(where, Subquery{std::move(expr), range, step, {}}, {depth});
  }
  if (!Expect(kRightBracket, "subquery or range", "\":\" or \"]\"")) return nullptr;
  const auto* vector = std::get_if<VectorSelector>(&expr->node);
  if (vector == nullptr) return Fail(bracket, "ranges only allowed for vector selectors");
  if (vector->shift.offset.value.count() != 0)
    return Fail(bracket, "no offset modifiers allowed before range");
  if (vector->shift.at == TimeShift::At::kTime)
    return Fail(bracket, "no @ modifiers allowed before range");
  return Make(From(expr->where), MatrixSelector{*vector, range});
}

// --- offset, @, anchored, smoothed
// ---------------------------------------------------------------------------------

TimeShift* Parser::ShiftOf(Expr& expr, std::string_view modifier) {
  if (auto* vector = std::get_if<VectorSelector>(&expr.node)) return &vector->shift;
  if (auto* matrix = std::get_if<MatrixSelector>(&expr.node)) return &matrix->vector.shift;
  if (auto* subquery = std::get_if<Subquery>(&expr.node)) return &subquery->shift;
  return Fail(
      expr.where,
      std::string(modifier) +
          " modifier must be preceded by an instant vector selector or range vector selector or "
          "a subquery");
}

Parser::Node Parser::OffsetModifier(Node expr) {
  Take();
  const std::shared_ptr<DurationNode> duration = OffsetDuration();
  if (!duration) return nullptr;
  TimeShift* shift = ShiftOf(*expr, "offset");
  if (shift == nullptr) return nullptr;
  if (shift->offset.IsSet()) return Fail(expr->where, "offset may not be set multiple times");
  if (duration->kind == Kind::kNumber) {
    shift->offset.value = *ToMillis(duration->seconds, duration->where);
  } else {
    shift->offset.expr = duration;
  }
  expr->where = From(expr->where);
  return expr;
}

Parser::Node Parser::AtModifier(Node expr) {
  Take();
  TimeShift at;
  if ((Now().kind == kStart || Now().kind == kTheEnd) && Ahead(1).kind == kLeftParen &&
      Ahead(2).kind == kRightParen) {
    at.at = Take().kind == kStart ? TimeShift::At::kStart : TimeShift::At::kEnd;
    Take();
    Take();
  } else {
    const bool negative = Now().kind == kSub;
    if (negative || Now().kind == kAdd) Take();
    if (Now().kind != kNumber && Now().kind != kDuration) return Unexpected("@", "timestamp");
    const std::optional<double> number = NumberOrDuration();
    if (!number) return nullptr;
    const double seconds = negative ? -*number : *number;
    if (!(std::abs(seconds) < 9.2e15)) {  // also NaN; milliseconds fit 64 bits
      return Fail(expr->where,
                  "timestamp out of bounds for @ modifier: " + std::to_string(seconds));
    }
    at.at = TimeShift::At::kTime;
    at.time = static_cast<TimestampMs>(std::round(seconds * 1000));
  }
  TimeShift* shift = ShiftOf(*expr, "@");
  if (shift == nullptr) return nullptr;
  if (shift->at != TimeShift::At::kNone)
    return Fail(expr->where, "@ <timestamp> may not be set multiple times");
  shift->at = at.at;
  shift->time = at.time;
  expr->where = From(expr->where);
  return expr;
}

Parser::Node Parser::ExtendedModifier(Node expr, bool anchored) {
  const std::string name = anchored ? "anchored" : "smoothed";
  auto* vector = std::get_if<VectorSelector>(&expr->node);
  if (auto* matrix = std::get_if<MatrixSelector>(&expr->node)) vector = &matrix->vector;
  if (std::holds_alternative<Subquery>(expr->node)) {
    return Fail(expr->where, name + " modifier is not supported for subqueries");
  }
  if (vector == nullptr) return Fail(expr->where, name + " modifier not implemented");
  (anchored ? vector->anchored : vector->smoothed) = true;
  if (vector->anchored && vector->smoothed) {
    return Fail(expr->where, "anchored and smoothed modifiers cannot be used together");
  }
  return expr;
}

// --- Durations
// -----------------------------------------------------------------------------------------------------

std::optional<double> Parser::NumberOrDuration() {
  const Token& token = Now();
  if (token.kind == kNumber) {
    Take();
    const std::optional<double> value = ParseNumber(token.text);
    if (!value)
      Fail(token.where, "error parsing number: strconv.ParseFloat: parsing " + Quote(token.text) +
                            ": invalid syntax");
    return value;
  }
  if (token.kind != kDuration) {
    Unexpected();
    return std::nullopt;
  }
  Take();
  const Result<Millis> duration = ParseDuration(token.text);
  if (duration.ok()) return static_cast<double>(duration->count()) / 1000;
  Fail(token.where, duration.error().message);
  return std::nullopt;
}

std::optional<Millis> Parser::ToMillis(double seconds, const Place& where) {
  constexpr double kMost = 9223372036.854775807;  // what 64 bits of nanoseconds hold
  if (!(std::abs(seconds) <= kMost)) {
    Fail(where, "duration out of range");
    return std::nullopt;
  }
  return Millis(static_cast<std::int64_t>(std::round(seconds * 1e9) / 1e6));
}

std::shared_ptr<DurationNode> Parser::MakeDuration(DurationNode node) {
  if (node.lhs) node.depth = std::max(node.depth, node.lhs->depth + 1);
  if (node.rhs) node.depth = std::max(node.depth, node.rhs->depth + 1);
  if (node.depth > kMaxDepth) return Fail(node.where, "expression is nested too deeply");
  return std::make_shared<DurationNode>(std::move(node));
}

std::shared_ptr<DurationNode> Parser::Negated(const Token& sign,
                                              std::shared_ptr<DurationNode> node) {
  if (!node) return nullptr;
  const bool negative = sign.kind == kSub;
  if (node->kind == Kind::kNumber) {
    if (negative) node->seconds = -node->seconds;
    node->where = sign.where;
    return node;
  }
  if (!negative) return node;
  DurationNode negated;
  negated.kind = Kind::kNegate;
  negated.where = sign.where;
  negated.where.end = node->where.end;
  negated.rhs = std::move(node);
  return MakeDuration(std::move(negated));
}

std::shared_ptr<DurationNode> Parser::DurationOperand() {
  const Token& token = Now();
  DurationNode node;
  node.where = token.where;
  switch (token.kind) {
    case kNumber:
    case kDuration: {
      const std::optional<double> seconds = NumberOrDuration();
      if (!seconds || !ToMillis(*seconds, token.where)) return nullptr;
      node.seconds = *seconds;
      node.as_duration = token.kind == kDuration;
      return MakeDuration(std::move(node));
    }
    case kAdd:
    case kSub:
      Take();
      return Negated(token, DurationExpr(6));
    case kLeftParen: {
      Take();
      std::shared_ptr<DurationNode> inner = DurationExpr(1);
      if (!inner || !Expect(kRightParen, "", "")) return nullptr;
      if (inner->kind != Kind::kNumber) inner->parens = true;
      return inner;
    }
    case kStep:
    case kRange:
      Take();
      node.kind = token.kind == kStep ? Kind::kStep : Kind::kRange;
      if (!Expect(kLeftParen, "", "") || !Expect(kRightParen, "", "")) return nullptr;
      node.where = From(token.where);
      return MakeDuration(std::move(node));
    case kMaxOf:
    case kMinOf:
      Take();
      node.kind = token.kind == kMaxOf ? Kind::kMaxOf : Kind::kMinOf;
      if (!Expect(kLeftParen, "", "")) return nullptr;
      node.lhs = DurationExpr(1);
      if (!node.lhs || !Expect(kComma, "", "")) return nullptr;
      node.rhs = DurationExpr(1);
      if (!node.rhs || !Expect(kRightParen, "", "")) return nullptr;
      node.where = From(token.where);
      return MakeDuration(std::move(node));
    default:
      return Unexpected("subquery or range selector", "number, duration, step(), or range()");
  }
}

std::shared_ptr<DurationNode> Parser::DurationExpr(int min_precedence) {
  ++depth_;
  std::shared_ptr<DurationNode> lhs =
      depth_ > kMaxDepth ? Fail(Now().where, "expression is nested too deeply") : DurationOperand();
  while (lhs) {
    const TokenKind op = Now().kind;
    const int precedence = op == kAdd || op == kSub                 ? 4
                           : op == kMul || op == kDiv || op == kMod ? 5
                           : op == kPow                             ? 6
                                                                    : 0;
    if (precedence == 0 || precedence < min_precedence) break;
    const Place op_place = Take().where;
    DurationNode node;
    node.kind = static_cast<Kind>(static_cast<int>(Kind::kAdd) + static_cast<int>(op) -
                                  static_cast<int>(kAdd));
    node.lhs = lhs;
    const std::shared_ptr<DurationNode> rhs =
        DurationExpr(op == kPow ? precedence : precedence + 1);
    node.rhs = rhs;
    if (!rhs) {
      lhs = nullptr;
      break;
    }
    node.where = lhs->where;
    node.where.end = rhs->where.end;
    const bool zero = rhs->kind == Kind::kNumber && rhs->seconds == 0;
    if (zero && (op == kDiv || op == kMod)) {
      lhs = Fail(op_place, op == kDiv ? "division by zero" : "modulo by zero");
    } else {
      lhs = MakeDuration(std::move(node));
    }
  }
  --depth_;
  return lhs;
}

// Behind `offset` a sign binds to one operand only, and only a parenthesis begins arithmetic: `foo
// offset -2 ^ 2` is `(foo offset -2) ^ 2`.
std::shared_ptr<DurationNode> Parser::OffsetDuration() {
  const Token& token = Now();
  switch (token.kind) {
    case kLeftParen:
      return DurationExpr(1);
    case kNumber:
    case kDuration:
    case kStep:
    case kRange:
    case kMaxOf:
    case kMinOf:
      return DurationOperand();
    case kAdd:
    case kSub:
      Take();
      return Negated(token, DurationOperand());
    default:
      return Unexpected("offset", "number, duration, step(), or range()");
  }
}

bool Parser::PositiveDuration(Duration& duration) {
  const std::shared_ptr<DurationNode> node = DurationExpr(1);
  if (!node) return false;
  if (node->kind != Kind::kNumber) {
    duration.expr = node;
    return true;
  }
  if (!(node->seconds > 0)) {
    Fail(node->where, "duration must be greater than 0");
    return false;
  }
  const std::optional<Millis> value = ToMillis(node->seconds, node->where);
  if (value) duration.value = *value;
  return value.has_value();
}

}  // namespace tierwatch::promql
