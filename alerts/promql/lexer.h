// PromQL's lexer: text to tokens. Source of the rules: Prometheus 3.14, promql/parser/lex.go.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tierwatch::promql {

/// A stretch of the query's text. Offsets count bytes from 0; line and column (in bytes) count
/// from 1.
struct Place {
  int begin = 0;
  int end = 0;
  int line = 1;
  int column = 1;
  std::string ToString() const;  // "1:5"
};

enum class TokenKind {
  kEnd,
  kError,
  kIdentifier,
  kMetricIdentifier,
  kNumber,
  kDuration,
  kString,
  kLeftParen,
  kRightParen,
  kLeftBrace,
  kRightBrace,
  kLeftBracket,
  kRightBracket,
  kComma,
  kColon,
  kAssign,
  kAt,
  kMatchRegexp,
  kMatchNotRegexp,
  // Operators.
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
  // Aggregations.
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
  // Keywords.
  kOffset,
  kSmoothed,
  kAnchored,
  kBy,
  kWithout,
  kOn,
  kIgnoring,
  kGroupLeft,
  kGroupRight,
  kFill,
  kFillLeft,
  kFillRight,
  kBool,
  kStart,
  kTheEnd,
  kStep,
  kRange,
  kMaxOf,
  kMinOf,
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::string_view text;  // of the query; of an error token: nothing
  Place where;
  std::string error;  // of an error token

  /// How an error calls it: `"foo"`, `<op:+>`, `number "5"`, `end of input`.
  std::string Describe() const;
};

bool IsOperator(TokenKind kind);
bool IsAggregation(TokenKind kind);
bool IsKeyword(TokenKind kind);

/// All tokens; the last one is kEnd or kError. The text must outlive them.
std::vector<Token> Lex(std::string_view text);

}  // namespace tierwatch::promql
