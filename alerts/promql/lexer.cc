#include "alerts/promql/lexer.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "alerts/promql/text.h"
#include "base/labels.h"

namespace tierwatch::promql {
namespace {

using enum TokenKind;

constexpr std::pair<std::string_view, TokenKind> kWords[] = {
    {"and", kAnd},
    {"or", kOr},
    {"unless", kUnless},
    {"atan2", kAtan2},
    {"sum", kSum},
    {"avg", kAvg},
    {"count", kCount},
    {"min", kMin},
    {"max", kMax},
    {"group", kGroup},
    {"stddev", kStddev},
    {"stdvar", kStdvar},
    {"topk", kTopk},
    {"bottomk", kBottomk},
    {"count_values", kCountValues},
    {"quantile", kQuantile},
    {"limitk", kLimitk},
    {"limit_ratio", kLimitRatio},
    {"offset", kOffset},
    {"smoothed", kSmoothed},
    {"anchored", kAnchored},
    {"by", kBy},
    {"without", kWithout},
    {"on", kOn},
    {"ignoring", kIgnoring},
    {"group_left", kGroupLeft},
    {"group_right", kGroupRight},
    {"fill", kFill},
    {"fill_left", kFillLeft},
    {"fill_right", kFillRight},
    {"bool", kBool},
    {"start", kStart},
    {"end", kTheEnd},
    {"step", kStep},
    {"range", kRange},
    {"max_of", kMaxOf},
    {"min_of", kMinOf},
    {"inf", kNumber},
    {"nan", kNumber},
};

constexpr std::pair<char, TokenKind> kArithmetic[] = {
    {'+', kAdd}, {'-', kSub}, {'*', kMul}, {'/', kDiv}, {'%', kMod}, {'^', kPow}, {',', kComma},
};

template <class Table, class Key>
auto Look(const Table& table, const Key& key) -> std::optional<decltype(table[0].second)> {
  for (const auto& [k, value] : table) {
    if (k == key) return value;
  }
  return std::nullopt;
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  std::vector<Token> Run() {
    do {
      Next();
    } while (tokens_.empty() || (tokens_.back().kind != kEnd && tokens_.back().kind != kError));
    return std::move(tokens_);
  }

 private:
  char Peek(std::size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  bool AtEnd() const { return at_ >= text_.size(); }
  bool Accept(std::string_view set) {
    if (AtEnd() || set.find(text_[at_]) == std::string_view::npos) return false;
    ++at_;
    return true;
  }

  Place Here(std::size_t begin) {
    while (counted_ < begin) {
      if (text_[counted_++] == '\n') {
        ++line_;
        line_start_ = counted_;
      }
    }
    return {static_cast<int>(begin), static_cast<int>(at_), line_,
            static_cast<int>(begin - line_start_) + 1};
  }
  void Emit(TokenKind kind) {
    tokens_.push_back({kind, text_.substr(begin_, at_ - begin_), Here(begin_), {}});
  }
  void EmitAfter(std::size_t count, TokenKind kind) {
    at_ += count;
    Emit(kind);
  }
  void Fail(std::string message) {
    tokens_.push_back({kError, {}, Here(begin_), std::move(message)});
  }
  // A character as Go's %q shows it.
  std::string QuotedHere(std::size_t at) const {
    return at >= text_.size() ? "'\\x00'" : QuoteRune(text_.substr(at));
  }

  void Next() {
    SkipSpaceAndComments();
    begin_ = at_;
    if (AtEnd()) return End();
    if (brace_open_) return InsideBraces();
    if (bracket_open_) return InsideBrackets();
    Statement();
  }

  void SkipSpaceAndComments() {
    while (!AtEnd()) {
      if (Accept(" \t\n\r")) continue;
      if (Peek() != '#') return;
      while (!AtEnd() && Peek() != '\n' && Peek() != '\r') ++at_;
    }
  }

  void End() {
    if (brace_open_) return Fail("unexpected end of input inside braces");
    if (bracket_open_) return Fail("unexpected end of input in duration expression");
    if (parens_ > 0) return Fail("unclosed left parenthesis");
    Emit(kEnd);
  }

  void Statement() {
    const char c = Peek();
    const char next = Peek(1);
    if (const auto kind = Look(kArithmetic, c)) return EmitAfter(1, *kind);
    if (IsDigit(c) || (c == '.' && IsDigit(next))) return NumberOrDuration();
    if (c == '"' || c == '\'' || c == '`') return String();
    if (IsAlpha(c) || c == ':') return Word();
    switch (c) {
      case '=':
        if (next == '~') return Fail("unexpected character after '=': '~'");
        return next == '=' ? EmitAfter(2, kEqual) : EmitAfter(1, kAssign);
      case '!':
        return next == '=' ? EmitAfter(2, kNotEqual)
                           : Fail("unexpected character after '!': " + QuotedHere(at_ + 1));
      case '<':
        return next == '='   ? EmitAfter(2, kLessEqual)
               : next == '/' ? EmitAfter(2, kTrimUpper)
                             : EmitAfter(1, kLess);
      case '>':
        return next == '='   ? EmitAfter(2, kGreaterEqual)
               : next == '/' ? EmitAfter(2, kTrimLower)
                             : EmitAfter(1, kGreater);
      case '(':
        return Open();
      case ')':
        return Close();
      case '{':
        brace_open_ = true;
        return EmitAfter(1, kLeftBrace);
      case '[':
        bracket_open_ = true;
        got_colon_ = got_duration_ = false;
        return EmitAfter(1, kLeftBracket);
      case ']':
        return Fail("unexpected right bracket ']'");
      case '@':
        return EmitAfter(1, kAt);
      default:
        return Fail("unexpected character: " + QuotedHere(at_));
    }
  }

  void Open() {
    ++parens_;
    EmitAfter(1, kLeftParen);
  }
  void Close() {
    if (--parens_ < 0) return Fail("unexpected right parenthesis ')'");
    EmitAfter(1, kRightParen);
  }

  void InsideBraces() {
    const char c = Peek();
    if (IsAlpha(c)) {
      while (IsAlpha(Peek()) || IsDigit(Peek())) ++at_;
      return Emit(kIdentifier);
    }
    switch (c) {
      case ',':
        return EmitAfter(1, kComma);
      case '"':
      case '\'':
      case '`':
        return String();
      case '=':
        return Peek(1) == '~' ? EmitAfter(2, kMatchRegexp) : EmitAfter(1, kAssign);
      case '!':
        if (Peek(1) == '~') return EmitAfter(2, kMatchNotRegexp);
        if (Peek(1) == '=') return EmitAfter(2, kNotEqual);
        return Fail("unexpected character after '!' inside braces: " + QuotedHere(at_ + 1));
      case '{':
        return Fail("unexpected left brace '{'");
      case '}':
        brace_open_ = false;
        return EmitAfter(1, kRightBrace);
      default:
        return Fail("unexpected character inside braces: " + QuotedHere(at_));
    }
  }

  void InsideBrackets() {
    const char c = Peek();
    if (const auto kind = Look(kArithmetic, c)) return EmitAfter(1, *kind);
    if (IsDigit(c) || (c == '.' && IsDigit(Peek(1)))) {
      got_duration_ = true;
      return NumberOrDuration();
    }
    switch (c) {
      case ']':
        bracket_open_ = false;
        return EmitAfter(1, kRightBracket);
      case '(':
        return Open();
      case ')':
        return Close();
      case '[':
        return Fail("unexpected left bracket '['");
      case ':':
        if (got_colon_) return Fail("unexpected colon ':'");
        got_colon_ = true;
        return EmitAfter(1, kColon);
      default:
        break;
    }
    while (IsAlpha(Peek())) ++at_;
    const auto word = Look(kWords, std::string_view(Lower(text_.substr(begin_, at_ - begin_))));
    if (word == kStep || word == kRange || word == kMaxOf || word == kMinOf) {
      got_duration_ = true;
      return Emit(*word);
    }
    at_ = begin_;
    Fail(got_duration_ ? "unexpected character: " + QuotedHere(at_) + ", expected ':'"
                       : "unexpected character in duration expression: " + QuotedHere(at_));
  }

  void Word() {
    while (IsAlpha(Peek()) || IsDigit(Peek()) || Peek() == ':') ++at_;
    const std::string_view word = text_.substr(begin_, at_ - begin_);
    const auto kind = Look(kWords, std::string_view(Lower(word)));
    // fill is a keyword before a parenthesis only, so that metrics of that name go on working.
    const bool fill = kind == kFill || kind == kFillLeft || kind == kFillRight;
    if (kind && (!fill || ParenFollows())) return Emit(*kind);
    Emit(word.find(':') == std::string_view::npos ? kIdentifier : kMetricIdentifier);
  }

  bool ParenFollows() const {
    const std::size_t next = text_.find_first_not_of(" \t\n\r", at_);
    return next != std::string_view::npos && text_[next] == '(';
  }

  void NumberOrDuration() {
    if (ScanNumber()) return Emit(kNumber);
    if (ScanRestOfDuration()) return Emit(kDuration);
    Fail("bad number or duration syntax: " + Quote(text_.substr(begin_, at_ - begin_)));
  }

  // Decimal, hexadecimal, exponents, and underscores between digits. Stops at the first character
  // that can't follow.
  bool ScanNumber() {
    const bool hex = Peek() == '0' && (Peek(1) == 'x' || Peek(1) == 'X');
    const std::string_view digits = hex ? "0123456789abcdefABCDEF" : "0123456789";
    if (hex) {
      at_ += 2;
      Accept("_");
    }
    bool dot = Accept(".");
    bool exponent = false;
    while (!AtEnd()) {
      if (Accept(digits)) continue;
      if (Peek() == '.') {
        ++at_;
        if (dot || hex || Accept("_.")) return false;
        dot = true;
      } else if (!hex && (Peek() == 'e' || Peek() == 'E')) {
        ++at_;
        if (exponent) return false;
        exponent = true;
        Accept("+-");
        if (AtEnd() || Accept("._eE")) return false;
      } else if (Accept("_")) {
        if (AtEnd() || Accept("._eE")) return false;
      } else {
        break;
      }
    }
    return !IsAlpha(Peek()) && !IsDigit(Peek());
  }

  bool ScanRestOfDuration() {
    if (!Accept("smhdwy")) return false;
    Accept("s");
    while (Accept("0123456789")) {
      while (Accept("0123456789")) {
      }
      if (!Accept("smhdw")) return false;
      Accept("s");
    }
    if (!IsAlpha(Peek()) && !IsDigit(Peek())) return true;
    ++at_;
    return false;
  }

  void String() {
    const char quote = text_[at_++];
    while (true) {
      if (AtEnd())
        return Fail(quote == '`' ? "unterminated raw string" : "unterminated quoted string");
      const char c = text_[at_];
      if (c == quote) return EmitAfter(1, kString);
      if (quote != '`' && c == '\n') return Fail("unterminated quoted string");
      if (quote != '`' && c == '\\') {
        if (const std::string error = SkipEscape(text_, at_, quote); !error.empty())
          return Fail(error);
        continue;
      }
      const std::size_t length = RuneLength(text_.substr(at_));
      if (length == 0) return Fail("invalid UTF-8 rune");
      at_ += length;
    }
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t begin_ = 0;
  std::size_t counted_ = 0;  // up to where lines are counted
  int line_ = 1;
  std::size_t line_start_ = 0;
  int parens_ = 0;
  bool brace_open_ = false;
  bool bracket_open_ = false;
  bool got_colon_ = false;
  bool got_duration_ = false;
  std::vector<Token> tokens_;
};

std::string_view KindName(TokenKind kind) {
  switch (kind) {
    case kIdentifier:
      return "identifier";
    case kMetricIdentifier:
      return "metric identifier";
    case kString:
      return "string";
    case kNumber:
      return "number";
    case kDuration:
      return "duration";
    default:
      return "";
  }
}

}  // namespace

std::string Place::ToString() const { return std::to_string(line) + ":" + std::to_string(column); }

bool IsOperator(TokenKind kind) {
  return (kind >= kAdd && kind <= kAtan2) || kind == kMatchRegexp || kind == kMatchNotRegexp;
}
bool IsAggregation(TokenKind kind) { return kind >= kAvg && kind <= kTopk; }
bool IsKeyword(TokenKind kind) { return kind >= kOffset; }

std::string Token::Describe() const {
  if (kind == kEnd) return "end of input";
  if (IsKeyword(kind)) return "<" + std::string(text) + ">";
  if (IsOperator(kind)) return "<op:" + std::string(text) + ">";
  if (IsAggregation(kind)) return "<aggr:" + std::string(text) + ">";
  const bool name = kind == kIdentifier || kind == kMetricIdentifier;
  const std::string quoted =
      !name && text.size() > 10 ? Quote(text.substr(0, 10)) + "..." : Quote(text);
  const std::string_view kind_name = KindName(kind);
  return kind_name.empty() ? quoted : std::string(kind_name) + " " + quoted;
}

std::vector<Token> Lex(std::string_view text) { return Lexer(text).Run(); }

}  // namespace tierwatch::promql
