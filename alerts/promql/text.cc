#include "alerts/promql/text.h"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <system_error>

#include "base/labels.h"

namespace tierwatch::promql {
namespace {

int DigitValue(char c) {
  if (IsDigit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return 16;
}

void AppendRune(std::string& out, std::uint32_t rune) {
  const auto tail = [&](int shift) { out += static_cast<char>(0x80 | ((rune >> shift) & 0x3f)); };
  if (rune < 0x80) {
    out += static_cast<char>(rune);
  } else if (rune < 0x800) {
    out += static_cast<char>(0xc0 | (rune >> 6));
    tail(0);
  } else if (rune < 0x10000) {
    out += static_cast<char>(0xe0 | (rune >> 12));
    tail(6);
    tail(0);
  } else {
    out += static_cast<char>(0xf0 | (rune >> 18));
    tail(12);
    tail(6);
    tail(0);
  }
}

struct Escape {
  std::string error;
  std::uint32_t value = 0;
  bool byte = false;  // \xHH and \ooo are bytes, everything else is a character
};

Escape ReadEscape(std::string_view text, std::size_t& at, char quote) {
  static constexpr std::string_view kNames = "abfnrtv\\";
  static constexpr std::string_view kValues = "\a\b\f\n\r\t\v\\";
  if (++at >= text.size()) return {"escape sequence not terminated", 0, false};
  const char c = text[at];
  if (c == quote) return ++at, Escape{"", static_cast<std::uint32_t>(c), false};
  if (const std::size_t i = kNames.find(c); i != std::string_view::npos) {
    return ++at, Escape{"", static_cast<std::uint32_t>(kValues[i]), false};
  }
  const bool octal = c >= '0' && c <= '7';
  const int digits = octal ? 3 : c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
  if (digits == 0) return {"unknown escape sequence " + QuoteRune(text.substr(at)), 0, false};
  if (!octal) ++at;
  std::uint64_t value = 0;
  for (int i = 0; i < digits; ++i, ++at) {
    if (at >= text.size()) return {"escape sequence not terminated", 0, false};
    const int digit = DigitValue(text[at]);
    if (digit >= (octal ? 8 : 16)) {
      return {"illegal character " + QuoteRune(text.substr(at)) + " in escape sequence", 0, false};
    }
    value = value * (octal ? 8 : 16) + static_cast<unsigned>(digit);
  }
  const bool byte = octal || c == 'x';
  if (value > (byte ? 255 : 0x10ffff) || (value >= 0xd800 && value < 0xe000)) {
    return {"escape sequence is an invalid Unicode code point", 0, false};
  }
  return {"", static_cast<std::uint32_t>(value), byte};
}

}  // namespace

std::size_t RuneLength(std::string_view text) {
  for (std::size_t length = 1; length <= 4 && length <= text.size(); ++length) {
    if (IsUtf8(text.substr(0, length))) return length;
  }
  return 0;
}

std::string QuoteRune(std::string_view text) {
  const std::size_t length = RuneLength(text);
  if (length == 0) return "'\xef\xbf\xbd'";
  if (text[0] == '\'') return R"('\'')";
  if (text[0] == '"') return R"('"')";
  const std::string quoted = Quote(text.substr(0, length));
  return "'" + quoted.substr(1, quoted.size() - 2) + "'";
}

std::string SkipEscape(std::string_view text, std::size_t& at, char quote) {
  return ReadEscape(text, at, quote).error;
}

std::optional<std::string> Unquote(std::string_view quoted) {
  if (quoted.size() < 2 || quoted.front() != quoted.back()) return std::nullopt;
  const char quote = quoted.front();
  const std::string_view inner = quoted.substr(1, quoted.size() - 2);
  std::string out;
  if (quote == '`') {
    for (const char c : inner) {
      if (c != '\r') out += c;
    }
    return out;
  }
  for (std::size_t at = 0; at < inner.size();) {
    if (inner[at] != '\\') {
      out += inner[at++];
      continue;
    }
    const Escape escape = ReadEscape(inner, at, quote);
    if (!escape.error.empty()) return std::nullopt;
    if (escape.byte) {
      out += static_cast<char>(escape.value);
    } else {
      AppendRune(out, escape.value);
    }
  }
  return out;
}

std::optional<double> ParseNumber(std::string_view text) {
  std::string clean;
  for (const char c : text) {
    if (c != '_') clean += c;
  }
  if (clean.size() == 3) {
    const std::string_view word = clean;
    if (word == "Inf" || word == "inf" || word == "INF")
      return std::numeric_limits<double>::infinity();
  }
  if (clean.size() > 1 && clean[0] == '0') {
    const char c = clean[1];
    const int base = c == 'x' || c == 'X'                 ? 16
                     : c == 'b' || c == 'B'               ? 2
                     : c == 'o' || c == 'O' || IsDigit(c) ? 8
                                                          : 0;
    const std::size_t skip = base == 8 && IsDigit(c) ? 1 : 2;
    std::int64_t integer = 0;
    const char* end = clean.data() + clean.size();
    if (base != 0 && clean.size() > skip) {
      const auto [stop, error] = std::from_chars(clean.data() + skip, end, integer, base);
      if (error == std::errc() && stop == end) return static_cast<double>(integer);
    }
  }
  char* stop = nullptr;
  const double value = std::strtod(clean.c_str(), &stop);
  if (clean.empty() || *stop != '\0') return std::nullopt;
  const bool word = !IsDigit(clean[0]) && clean[0] != '.' && clean[0] != '-' && clean[0] != '+';
  if (std::isinf(value) && !word) return std::nullopt;  // out of range
  return value;
}

std::optional<double> ParseBucketBound(std::string_view text) {
  const std::string copy(text);
  char* end = nullptr;
  const double bound = std::strtod(copy.c_str(), &end);
  if (copy.empty() || *end != '\0' || copy[0] == ' ' || copy[0] == '\t') return std::nullopt;
  return bound;
}

}  // namespace tierwatch::promql
