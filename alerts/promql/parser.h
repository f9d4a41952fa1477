// PromQL's parser: recursive descent over tokens. Source of the grammar: Prometheus 3.14,
// generated_parser.y.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "alerts/promql/ast.h"
#include "alerts/promql/lexer.h"
#include "base/result.h"

namespace tierwatch::promql {

/// Parses one expression. A method that returns nullptr (or false) has told why; only the first
/// reason is kept.
class Parser {
 public:
  explicit Parser(std::string_view text) : tokens_(Lex(text)) {}

  Result<ExprPtr> Run();
  /// `{a="b"}` or `name{…}` and nothing else.
  Result<std::vector<series::Matcher>> RunSelector();

 private:
  using Node = std::shared_ptr<Expr>;

  // parser.cc: tokens and the levels of an expression.
  const Token& Now() const { return tokens_[at_]; }
  const Token& Ahead(std::size_t count) const {
    return tokens_[std::min(at_ + count, tokens_.size() - 1)];
  }
  const Token& Take();
  bool TakeIf(TokenKind kind);
  bool Expect(TokenKind kind, std::string_view context, std::string_view expected);
  std::nullptr_t Fail(const Place& where, std::string message);
  std::nullptr_t Unexpected(std::string_view context = "", std::string_view expected = "");
  Place From(const Place& begin) const;
  template <class T>
  Node Make(const Place& where, T node, std::initializer_list<int> child_depths = {});

  Node Expression(int min_precedence);
  Node Operand();
  Node Prefix();
  Node Primary();
  Node Postfix(Node expr);
  Node ParenExpr();
  Node NumberExpr();
  Node StringExpr();
  Node UnaryExpr();
  Node BinaryExpr(Node lhs, int precedence);
  bool Modifiers(Binary& binary);
  bool FillModifiers(VectorMatching& matching);
  std::optional<double> FillValue();
  bool LabelList(std::vector<std::string>& labels);

  // parser_selector.cc: selectors, their modifiers, durations.
  Node SelectorExpr();
  bool Matchers(VectorSelector& selector);
  bool OneMatcher(VectorSelector& selector);
  Node Bracket(Node expr);
  Node OffsetModifier(Node expr);
  Node AtModifier(Node expr);
  Node ExtendedModifier(Node expr, bool anchored);
  TimeShift* ShiftOf(Expr& expr, std::string_view modifier);
  std::shared_ptr<DurationNode> DurationExpr(int min_precedence);
  std::shared_ptr<DurationNode> DurationOperand();
  std::shared_ptr<DurationNode> OffsetDuration();
  std::shared_ptr<DurationNode> Negated(const Token& sign, std::shared_ptr<DurationNode> node);
  std::shared_ptr<DurationNode> MakeDuration(DurationNode node);
  bool PositiveDuration(Duration& duration);
  std::optional<double> NumberOrDuration();
  std::optional<Millis> ToMillis(double seconds, const Place& where);

  // parser_call.cc: functions and aggregations.
  Node CallExpr();
  Node AggregateExpr();
  bool Arguments(std::vector<ExprPtr>& args);
  bool Grouping(Aggregate& aggregate);

  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  int depth_ = 0;
  std::optional<Error> error_;
};

/// Checks types and what else the grammar doesn't say; the first finding is the error. Settles what
/// depends on types (matching of set operators, none between scalars).
Result<ExprPtr> CheckTypes(std::shared_ptr<Expr> expr);

}  // namespace tierwatch::promql
