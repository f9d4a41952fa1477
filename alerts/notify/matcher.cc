#include "alerts/notify/matcher.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <optional>
#include <tuple>

namespace tierwatch {
namespace {

constexpr std::string_view kSpace = " \t\r\n\v\f";
constexpr std::string_view kReserved = "{}!=~,\\\"'` \t\r\n\v\f";

std::string_view Symbol(AlertMatch type) {
  switch (type) {
    case AlertMatch::kEqual:
      return "=";
    case AlertMatch::kNotEqual:
      return "!=";
    case AlertMatch::kRegex:
      return "=~";
    case AlertMatch::kNotRegex:
      break;
  }
  return "!~";
}

std::string_view Trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) + 1 - first);
}

// Takes an operator from the front of `text`.
std::optional<AlertMatch> TakeOperator(std::string_view& text) {
  for (const AlertMatch type :
       {AlertMatch::kRegex, AlertMatch::kNotEqual, AlertMatch::kNotRegex, AlertMatch::kEqual}) {
    if (text.substr(0, Symbol(type).size()) != Symbol(type)) continue;
    text.remove_prefix(Symbol(type).size());
    return type;
  }
  return std::nullopt;
}

Error Bad(std::string_view text, std::string_view why) {
  return Error{fmt::format("bad matcher {}: {}", Quote(text), why), Reason::kParse};
}

// The classic syntax.

// Cuts at the commas that are outside of quotes; an escaped quote opens and closes nothing.
std::vector<std::string_view> SplitClassic(std::string_view text) {
  if (!text.empty() && text.front() == '{') text.remove_prefix(1);
  if (!text.empty() && text.back() == '}') text.remove_suffix(1);
  std::vector<std::string_view> parts;
  std::size_t start = 0;
  bool quoted = false;
  bool escaped = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == ',' && !quoted) {
      parts.push_back(text.substr(start, i - start));
      start = i + 1;
    }
    if (c == '"' && !escaped) quoted = !quoted;
    escaped = c == '\\' && !escaped;
  }
  if (!Trim(text.substr(start)).empty()) parts.push_back(text.substr(start));
  return parts;
}

std::optional<std::string> UnescapeClassic(std::string_view raw) {
  const bool quoted = !raw.empty() && raw.front() == '"';
  if (quoted) {
    raw.remove_prefix(1);
    if (raw.empty() || raw.back() != '"') return std::nullopt;
    raw.remove_suffix(1);
  }
  std::string value;
  for (std::size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] == '"') return std::nullopt;
    if (raw[i] != '\\') {
      value += raw[i];
      continue;
    }
    if (i + 1 == raw.size()) {
      // A backslash before the closing quote escapes it, so the quote was never closed.
      if (quoted) return std::nullopt;
      value += '\\';
      break;
    }
    const char next = raw[++i];
    if (next == 'n') {
      value += '\n';
    } else {
      if (next != '"' && next != '\\') value += '\\';
      value += next;
    }
  }
  return value;
}

Result<AlertMatcher> ParseClassic(std::string_view text) {
  std::string_view rest = Trim(text);
  std::size_t end = 0;
  while (end < rest.size() && (kReserved.find(rest[end]) == std::string_view::npos)) ++end;
  const std::string_view name = rest.substr(0, end);
  rest = Trim(rest.substr(end));
  const std::optional<AlertMatch> type = TakeOperator(rest);
  if (!IsLegacyMetricName(name)) return Bad(text, "expected a label name");
  if (!type) return Bad(text, "expected =, !=, =~ or !~ after the label name");
  if (!IsUtf8(rest)) return Bad(text, "the value is not UTF-8");
  std::optional<std::string> value = UnescapeClassic(Trim(rest));
  if (!value)
    return Bad(text, "a double quote inside of the value must be escaped, a quoted value closed");
  return AlertMatcher::Make(std::string(name), *type, *std::move(value));
}

// The UTF-8 syntax: names and values are words without reserved characters, or Go's double-quoted
// strings.

class Utf8Parser {
 public:
  explicit Utf8Parser(std::string_view text) : text_(text), rest_(text) {}

  Result<std::vector<AlertMatcher>> Parse() {
    std::vector<AlertMatcher> matchers;
    const bool braces = Take('{');
    while (!AtEnd() && !(braces && Peek('}'))) {
      Result<AlertMatcher> matcher = One();
      if (!matcher.ok()) return std::move(matcher).error();
      matchers.push_back(*std::move(matcher));
      if (!Take(',')) break;
    }
    if (braces && !Take('}')) return Bad(text_, "expected a comma or }");
    if (!AtEnd()) return Bad(text_, fmt::format("unexpected {}", Quote(rest_)));
    return matchers;
  }

 private:
  void Skip() { rest_.remove_prefix(std::min(rest_.find_first_not_of(kSpace), rest_.size())); }
  bool AtEnd() {
    Skip();
    return rest_.empty();
  }
  bool Peek(char c) {
    Skip();
    return !rest_.empty() && rest_.front() == c;
  }
  bool Take(char c) {
    if (!Peek(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }

  Result<AlertMatcher> One() {
    std::optional<std::string> name = Word();
    if (!name || name->empty()) return Bad(text_, "expected a label name");
    Skip();
    const std::optional<AlertMatch> type = TakeOperator(rest_);
    if (!type) return Bad(text_, "expected =, !=, =~ or !~ after the label name");
    std::optional<std::string> value = Word();
    if (!value) return Bad(text_, "expected a label value");
    return AlertMatcher::Make(*std::move(name), *type, *std::move(value));
  }

  std::optional<std::string> Word() {
    if (Peek('"')) return Quoted();
    const std::string_view word = rest_.substr(0, rest_.find_first_of(kReserved));
    if (word.empty() || !IsUtf8(word)) return std::nullopt;
    rest_.remove_prefix(word.size());
    return std::string(word);
  }

  std::optional<std::string> Quoted() {
    std::string value;
    for (std::size_t i = 1; i < rest_.size(); ++i) {
      if (rest_[i] == '"') {
        rest_.remove_prefix(i + 1);
        return IsUtf8(value) ? std::optional(value) : std::nullopt;
      }
      if (rest_[i] == '\n') return std::nullopt;
      if (rest_[i] != '\\') {
        value += rest_[i];
      } else if (!Escape(++i, value)) {
        return std::nullopt;
      }
    }
    return std::nullopt;
  }

  // Appends what the escape at `i` (behind its backslash) stands for; `i` ends on its last
  // character.
  bool Escape(std::size_t& i, std::string& value) {
    constexpr std::string_view kNames = "abfnrtv\\\"";
    constexpr std::string_view kValues = "\a\b\f\n\r\t\v\\\"";
    if (i >= rest_.size()) return false;
    const char kind = rest_[i];
    if (const std::size_t at = kNames.find(kind); at != std::string_view::npos) {
      value += kValues[at];
      return true;
    }
    const std::size_t digits = kind == 'x' ? 2 : kind == 'u' ? 4 : kind == 'U' ? 8 : 0;
    if (digits == 0 || rest_.size() - i <= digits) return false;
    std::uint32_t code = 0;
    for (std::size_t end = i + digits; i < end;) {
      const char c = rest_[++i];
      const auto digit = std::string_view("0123456789abcdef")
                             .find(static_cast<char>(c >= 'A' && c <= 'F' ? c + 32 : c));
      if (digit == std::string_view::npos) return false;
      code = code * 16 + static_cast<std::uint32_t>(digit);
    }
    if (kind == 'x') {
      value += static_cast<char>(code);
      return true;
    }
    return AppendUtf8(code, value);
  }

  static bool AppendUtf8(std::uint32_t code, std::string& value) {
    const auto tail = [&](int shift) {
      value += static_cast<char>(0x80 | ((code >> shift) & 0x3f));
    };
    if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return false;
    if (code < 0x80) {
      value += static_cast<char>(code);
    } else if (code < 0x800) {
      value += static_cast<char>(0xc0 | (code >> 6));
      tail(0);
    } else if (code < 0x10000) {
      value += static_cast<char>(0xe0 | (code >> 12));
      tail(6);
      tail(0);
    } else {
      value += static_cast<char>(0xf0 | (code >> 18));
      tail(12);
      tail(6);
      tail(0);
    }
    return true;
  }

  const std::string_view text_;
  std::string_view rest_;
};

}  // namespace

Result<AlertMatcher> AlertMatcher::Make(std::string name, AlertMatch type, std::string value) {
  AlertMatcher matcher;
  if (type == AlertMatch::kRegex || type == AlertMatch::kNotRegex) {
    auto regex = std::make_shared<const RE2>(value, RE2::Quiet);
    if (!regex->ok()) {
      return Error{fmt::format("bad regular expression {}: {}", Quote(value), regex->error()),
                   Reason::kParse};
    }
    matcher.regex_ = std::move(regex);
  }
  matcher.name_ = std::move(name);
  matcher.type_ = type;
  matcher.value_ = std::move(value);
  return matcher;
}

bool AlertMatcher::Matches(const Labels& labels) const {
  const std::string_view value = labels.Get(name_);
  switch (type_) {
    case AlertMatch::kEqual:
      return value == value_;
    case AlertMatch::kNotEqual:
      return value != value_;
    case AlertMatch::kRegex:
      return RE2::FullMatch({value.data(), value.size()}, *regex_);
    case AlertMatch::kNotRegex:
      break;
  }
  return !RE2::FullMatch({value.data(), value.size()}, *regex_);
}

std::string AlertMatcher::ToString() const {
  const bool plain = name_.find_first_of(kReserved) == std::string::npos;
  return fmt::format("{}{}{}", plain ? name_ : Quote(name_), Symbol(type_), Quote(value_));
}

void AlertMatchers::Add(AlertMatcher matcher) {
  const auto key = [](const AlertMatcher& m) {
    return std::make_tuple(m.name(), m.value(), m.type());
  };
  const auto before = [&](const AlertMatcher& a, const AlertMatcher& b) { return key(a) < key(b); };
  list_.insert(std::upper_bound(list_.begin(), list_.end(), matcher, before), matcher);
}

bool AlertMatchers::Matches(const Labels& labels) const {
  return std::all_of(list_.begin(), list_.end(),
                     [&](const AlertMatcher& m) { return m.Matches(labels); });
}

std::string AlertMatchers::ToString() const {
  std::string text = "{";
  for (const AlertMatcher& matcher : list_)
    text += (text.size() > 1 ? "," : "") + matcher.ToString();
  return text + "}";
}

Result<std::vector<AlertMatcher>> ParseAlertMatchers(std::string_view text) {
  std::vector<AlertMatcher> matchers;
  for (const std::string_view part : SplitClassic(text)) {
    Result<AlertMatcher> matcher = ParseClassic(part);
    // What the classic syntax does not know (quoted or UTF-8 names) the other one may; its words
    // are the clearer.
    if (!matcher.ok()) return Utf8Parser(text).Parse();
    matchers.push_back(*std::move(matcher));
  }
  return matchers;
}

}  // namespace tierwatch
