#include "alerts/rules/condition.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>
#include <vector>

#include "base/duration.h"

namespace tierwatch {
namespace {

constexpr int kMaxDepth = 50;

/// Suffixes of literals: the unit that they make, and what the number is multiplied by. Decimal
/// factors are an exponent, so that 0.1% is the very double that 0.001 is.
struct Suffix {
  std::string_view name;
  Unit unit;
  int exponent;
  double factor;
};
constexpr Suffix kSuffixes[] = {
    {"%", Unit::kRatio, -2, 1},           {"ns", Unit::kSeconds, -9, 1},
    {"us", Unit::kSeconds, -6, 1},        {"ms", Unit::kSeconds, -3, 1},
    {"s", Unit::kSeconds, 0, 1},          {"m", Unit::kSeconds, 0, 60},
    {"h", Unit::kSeconds, 0, 3600},       {"d", Unit::kSeconds, 0, 86400},
    {"w", Unit::kSeconds, 0, 604800},     {"B", Unit::kBytes, 0, 1},
    {"KB", Unit::kBytes, 3, 1},           {"MB", Unit::kBytes, 6, 1},
    {"GB", Unit::kBytes, 9, 1},           {"TB", Unit::kBytes, 12, 1},
    {"KiB", Unit::kBytes, 0, 1024},       {"MiB", Unit::kBytes, 0, 1048576},
    {"GiB", Unit::kBytes, 0, 1073741824}, {"TiB", Unit::kBytes, 0, 1099511627776},
};

constexpr std::pair<std::string_view, std::string_view> kInverse[] = {
    {"==", "!="}, {"!=", "=="}, {">=", "<"}, {"<=", ">"}, {">", "<="}, {"<", ">="}};
constexpr std::pair<std::string_view, std::string_view> kMirror[] = {
    {"==", "=="}, {"!=", "!="}, {">=", "<="}, {"<=", ">="}, {">", "<"}, {"<", ">"}};

template <std::size_t N>
std::string_view Lookup(const std::pair<std::string_view, std::string_view> (&table)[N],
                        std::string_view key) {
  for (const auto& [from, to] : table) {
    if (from == key) return to;
  }
  return "";
}

std::string_view Expected(Unit unit) {
  switch (unit) {
    case Unit::kRatio:
      return "a share such as 1% or 0.01";
    case Unit::kSeconds:
      return "a time such as 100ms or 2m";
    case Unit::kBytes:
      return "a size such as 512MiB";
    case Unit::kCount:
      return "a number";
    case Unit::kBoolean:
      break;
  }
  return "true or false";
}

struct Token {
  enum class Kind { kEnd, kWord, kLiteral, kOperator, kOpen, kClose, kBad };
  Kind kind = Kind::kEnd;
  std::string_view text;
  std::size_t offset = 0;
};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsWordStart(char c) { return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

Token NextToken(std::string_view text, std::size_t at) {
  while (at < text.size() &&
         (text[at] == ' ' || text[at] == '\t' || text[at] == '\n' || text[at] == '\r'))
    ++at;
  const std::string_view rest = text.substr(at);
  const auto token = [&](Token::Kind kind, std::size_t length) {
    return Token{kind, rest.substr(0, length), at};
  };
  if (rest.empty()) return token(Token::Kind::kEnd, 0);
  if (rest[0] == '(') return token(Token::Kind::kOpen, 1);
  if (rest[0] == ')') return token(Token::Kind::kClose, 1);
  for (const auto& [op, inverse] : kInverse) {
    if (rest.starts_with(op)) return token(Token::Kind::kOperator, op.size());
  }
  std::size_t length = 1;
  if (IsWordStart(rest[0])) {
    while (length < rest.size() && (IsWordStart(rest[length]) || IsDigit(rest[length]))) ++length;
    const std::string_view word = rest.substr(0, length);
    return token(word == "true" || word == "false" ? Token::Kind::kLiteral : Token::Kind::kWord,
                 length);
  }
  if (IsDigit(rest[0]) || rest[0] == '.' || rest[0] == '-' || rest[0] == '+') {
    while (length < rest.size() && (IsDigit(rest[length]) || rest[length] == '.')) ++length;
    while (length < rest.size() &&
           (IsWordStart(rest[length]) || IsDigit(rest[length]) || rest[length] == '%'))
      ++length;
    return token(Token::Kind::kLiteral, length);
  }
  return token(Token::Kind::kBad, 1);
}

/// A translated part: its PromQL, and the labels that tell its series apart.
struct Part {
  std::string promql;
  std::vector<std::string> by;
};

/// Recursive descent that writes PromQL as it goes. Negation is pushed down to the comparisons (De
/// Morgan), which keeps unknown unknown: PromQL's `unless` would take a missing sample for false.
class Compiler {
 public:
  Compiler(std::string_view text, const SignalTable& signals) : text_(text), signals_(signals) {
    Advance();
  }

  Parsed<std::string> Run() {
    if (token_.kind == Token::Kind::kEnd) Fail(0, "the condition is empty");
    Part part = Disjunction(false);
    if (!error_ && token_.kind != Token::Kind::kEnd)
      Fail(token_.offset, Unexpected("\"and\", \"or\" or the end"));
    if (error_) return *error_;
    return std::move(part.promql);
  }

 private:
  void Advance() { token_ = NextToken(text_, token_.offset + token_.text.size()); }

  Part Fail(std::size_t offset, std::string message) {
    if (!error_) error_ = TextError{offset, std::move(message)};
    return {};
  }

  std::string Unexpected(std::string_view expected) const {
    const std::string found =
        token_.kind == Token::Kind::kEnd ? "the end" : fmt::format("\"{}\"", token_.text);
    return fmt::format("found {}, expected {}", found, expected);
  }

  bool AtWord(std::string_view word) const {
    return token_.kind == Token::Kind::kWord && token_.text == word;
  }

  Part Disjunction(bool negated) {
    return Chain("or", negated ? "and" : "or", [&] { return Conjunction(negated); });
  }
  Part Conjunction(bool negated) {
    return Chain("and", negated ? "or" : "and", [&] { return Factor(negated); });
  }

  template <class Next>
  Part Chain(std::string_view word, std::string_view op, Next next) {
    Part left = next();
    while (!error_ && AtWord(word)) {
      const std::size_t offset = token_.offset;
      Advance();
      left = Join(std::move(left), op, next(), offset);
    }
    return left;
  }

  Part Join(Part left, std::string_view op, Part right, std::size_t offset) {
    if (error_) return {};
    Part joined;
    for (const std::string& label : left.by) {
      if (std::find(right.by.begin(), right.by.end(), label) != right.by.end())
        joined.by.push_back(label);
    }
    if (joined.by.empty())
      return Fail(offset, fmt::format("the sides of \"{}\" have no label in common", op));
    joined.promql = fmt::format("({}) {} on ({}) ({})", left.promql, op, fmt::join(joined.by, ", "),
                                right.promql);
    return joined;
  }

  Part Factor(bool negated) {
    if (++depth_ > kMaxDepth)
      return Fail(token_.offset, fmt::format("nested deeper than {}", kMaxDepth));
    Part part;
    if (AtWord("not")) {
      Advance();
      part = Factor(!negated);
    } else if (token_.kind == Token::Kind::kOpen) {
      const std::size_t open = token_.offset;
      Advance();
      part = Disjunction(negated);
      if (!error_ && token_.kind == Token::Kind::kEnd) Fail(open, "this \"(\" is never closed");
      if (!error_ && token_.kind != Token::Kind::kClose) Fail(token_.offset, Unexpected("\")\""));
      if (!error_) Advance();
    } else {
      part = Comparison(negated);
    }
    --depth_;
    return part;
  }

  Part Comparison(bool negated) {
    Token first = token_;
    Advance();
    if (first.kind == Token::Kind::kLiteral) {
      const Token op = TakeOperator();
      const Token signal = token_;
      Advance();
      return Compare(signal, Lookup(kMirror, op.text), first, negated);
    }
    if (first.kind == Token::Kind::kWord && token_.kind != Token::Kind::kOperator) {
      const Signal* signal = Find(first);
      if (signal && signal->unit == Unit::kBoolean) return Write(*signal, "==", "1", negated);
    }
    if (!error_ && first.kind == Token::Kind::kWord) {
      const Token op = TakeOperator();
      const Token literal = token_;
      Advance();
      return Compare(first, op.text, literal, negated);
    }
    token_ = first;
    return Fail(first.offset, Unexpected("a signal"));
  }

  Token TakeOperator() {
    const Token op = token_;
    if (op.kind != Token::Kind::kOperator) Fail(op.offset, Unexpected("one of == != < <= > >="));
    Advance();
    return op;
  }

  const Signal* Find(const Token& name) {
    if (error_) return nullptr;
    const auto found = signals_.find(name.text);
    if (name.kind == Token::Kind::kWord && found != signals_.end()) return &found->second;
    if (name.kind != Token::Kind::kWord) {
      token_ = name;
      Fail(name.offset, Unexpected("a signal"));
      return nullptr;
    }
    std::vector<std::string_view> names;
    for (const auto& [key, signal] : signals_) names.push_back(key);
    const std::string_view nearest = Nearest(name.text, names);
    Fail(name.offset,
         fmt::format("no signal is called \"{}\"{}", name.text,
                     nearest.empty() ? "" : fmt::format("; did you mean \"{}\"?", nearest)));
    return nullptr;
  }

  Part Compare(const Token& name, std::string_view op, const Token& literal, bool negated) {
    const Signal* signal = Find(name);
    if (!signal) return {};
    const std::optional<double> value = LiteralValue(literal, *signal, name.text);
    if (!value) return {};
    if (signal->unit == Unit::kBoolean && op != "==" && op != "!=") {
      return Fail(name.offset, fmt::format("{} is a boolean: compare it by == or !=", name.text));
    }
    return Write(*signal, op, fmt::format("{}", *value), negated);
  }

  static Part Write(const Signal& signal, std::string_view op, std::string_view literal,
                    bool negated) {
    return {fmt::format("({}) {} {}", signal.expr, negated ? Lookup(kInverse, op) : op, literal),
            signal.by};
  }

  std::optional<double> LiteralValue(const Token& token, const Signal& signal,
                                     std::string_view name) {
    const auto wrong = [&]() -> std::optional<double> {
      token_ = token;
      Fail(token.offset, Unexpected(fmt::format("{}, since {} is of unit {}", Expected(signal.unit),
                                                name, UnitName(signal.unit))));
      return std::nullopt;
    };
    if (token.kind != Token::Kind::kLiteral) return wrong();
    if (token.text == "true" || token.text == "false") {
      if (signal.unit != Unit::kBoolean) return wrong();
      return token.text == "true" ? 1 : 0;
    }
    if (const Result<Millis> duration = ParseDuration(token.text);
        signal.unit == Unit::kSeconds && duration.ok()) {
      return static_cast<double>(duration->count()) / 1000;
    }
    const std::size_t digits_end =
        std::min(token.text.find_first_not_of("+-.0123456789"), token.text.size());
    std::string digits(token.text.substr(0, digits_end));
    if (digits.starts_with('+')) digits.erase(0, 1);
    const std::string_view suffix = token.text.substr(digits_end);
    const auto known = std::find_if(std::begin(kSuffixes), std::end(kSuffixes),
                                    [&](const Suffix& s) { return s.name == suffix; });
    const bool bare = suffix.empty();
    if (!bare && (known == std::end(kSuffixes) || known->unit != signal.unit)) return wrong();
    if (!bare && known->exponent != 0) digits += fmt::format("e{}", known->exponent);
    double value = 0;
    const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (result.ec != std::errc() || result.ptr != digits.data() + digits.size()) return wrong();
    if (!bare) return value * known->factor;
    // Without a suffix only what can't be misread: 60 is no share, and 100 could be seconds or
    // milliseconds.
    const bool clear = signal.unit == Unit::kCount ||
                       (signal.unit != Unit::kBoolean && value == 0) ||
                       (signal.unit == Unit::kRatio && value >= 0 && value <= 1);
    return clear ? std::optional(value) : wrong();
  }

  std::string_view text_;
  const SignalTable& signals_;
  Token token_;
  int depth_ = 0;
  std::optional<TextError> error_;
};

}  // namespace

Parsed<std::string> CompileCondition(std::string_view condition, const SignalTable& signals) {
  return Compiler(condition, signals).Run();
}

}  // namespace tierwatch
