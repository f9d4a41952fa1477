#include "alerts/template/go_literal.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace tierwatch::tmpl {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

/// The code point at `at`, which moves behind it; malformed bytes stand for themselves.
unsigned long DecodeUtf8(std::string_view text, std::size_t& at) {
  const auto lead = static_cast<unsigned char>(text[at++]);
  const int more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : lead >= 0xC0 ? 1 : 0;
  unsigned long code = more == 0 ? lead : lead & (0x3Fu >> more);
  for (int i = 0; i < more && at < text.size(); ++i)
    code = code << 6 | (static_cast<unsigned char>(text[at++]) & 0x3F);
  return code;
}

struct Escape {
  unsigned long code = 0;
  std::size_t length = 0;  // behind the backslash; 0: no such escape
  bool byte = false;       // \xNN and \NNN are bytes, not characters
};

Escape Digits(std::string_view text, std::size_t skip, std::size_t count, int base, bool byte) {
  if (text.size() < skip + count) return {};
  Escape escape{0, skip + count, byte};
  const char* first = text.data() + skip;
  const auto result = std::from_chars(first, first + count, escape.code, base);
  if (result.ec != std::errc() || result.ptr != first + count) return {};
  if (byte ? escape.code > 255 : escape.code > 0x10FFFF) return {};
  return escape;
}

/// `text` begins behind the backslash.
Escape ReadEscape(std::string_view text, char quote) {
  if (text.empty()) return {};
  static constexpr std::string_view kNames = "abfnrtv\\";
  static constexpr std::string_view kCodes = "\a\b\f\n\r\t\v\\";
  if (const std::size_t i = kNames.find(text[0]); i != std::string_view::npos) {
    return {static_cast<unsigned long>(kCodes[i]), 1, false};
  }
  if (text[0] == quote) return {static_cast<unsigned long>(quote), 1, false};
  if (text[0] == 'x') return Digits(text, 1, 2, 16, true);
  if (text[0] == 'u') return Digits(text, 1, 4, 16, false);
  if (text[0] == 'U') return Digits(text, 1, 8, 16, false);
  if (text[0] >= '0' && text[0] <= '7') return Digits(text, 0, 3, 8, true);
  return {};
}

Literal ReadString(std::string_view text) {
  std::string value;
  for (std::size_t at = 1; at < text.size() && text[at] != '\n';) {
    if (text[at] == '"') return {Value{std::move(value)}, at + 1, ""};
    if (text[at] != '\\') {
      value += text[at++];
      continue;
    }
    const Escape escape = ReadEscape(text.substr(at + 1), '"');
    if (escape.length == 0) return {{}, 0, "invalid escape in a quoted string"};
    if (escape.byte) {
      value += static_cast<char>(escape.code);
    } else {
      AppendUtf8(value, escape.code);
    }
    at += 1 + escape.length;
  }
  return {{}, 0, "unterminated quoted string"};
}

Literal ReadCharacter(std::string_view text) {
  const Literal malformed{{}, 0, "malformed character constant"};
  if (text.size() < 3 || text[1] == '\'' || text[1] == '\n') return malformed;
  std::size_t at = 1;
  unsigned long code = 0;
  if (text[1] == '\\') {
    const Escape escape = ReadEscape(text.substr(2), '\'');
    if (escape.length == 0) return malformed;
    code = escape.code;
    at += 1 + escape.length;
  } else {
    code = DecodeUtf8(text, at);
  }
  if (at >= text.size() || text[at] != '\'') return malformed;
  return {Value{static_cast<std::int64_t>(code)}, at + 1, ""};
}

int BaseOf(std::string_view digits) {
  if (digits.size() < 2 || digits[0] != '0') return 10;
  switch (digits[1]) {
    case 'x':
    case 'X':
      return 16;
    case 'b':
    case 'B':
      return 2;
    case 'o':
    case 'O':
      return 8;
    default:
      return IsDigit(digits[1]) ? 8 : 10;
  }
}

/// How many bytes belong to the number: everything alphanumeric, points, and signs behind an
/// exponent's letter.
std::size_t NumberLength(std::string_view text) {
  std::size_t at = text[0] == '+' || text[0] == '-' ? 1 : 0;
  const bool hex = BaseOf(text.substr(at)) == 16;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    const char before = at > 0 ? text[at - 1] : '\0';
    const bool sign = (c == '+' || c == '-') && at > 1 &&
                      (hex ? before == 'p' || before == 'P' : before == 'e' || before == 'E');
    if (!sign && !IsDigit(c) && c != '.' && c != '_' && !(c >= 'a' && c <= 'z') &&
        !(c >= 'A' && c <= 'Z'))
      break;
  }
  return at;
}

Literal ReadNumber(std::string_view text) {
  const std::string_view source = text.substr(0, NumberLength(text));
  const Literal bad{{}, 0, fmt::format("bad number syntax: {:?}", source)};
  std::string digits(source);
  digits.erase(std::remove(digits.begin(), digits.end(), '_'), digits.end());
  const bool negative = digits[0] == '-';
  if (negative || digits[0] == '+') digits.erase(0, 1);
  const int base = BaseOf(digits);
  const bool integral =
      digits.find('.') == std::string::npos &&
      (base == 16 ? digits.find_first_of("pP") : digits.find_first_of("eE")) == std::string::npos;
  const std::size_t prefix = base == 10 ? 0 : IsDigit(digits[1]) ? 1 : 2;
  const char* end = digits.data() + digits.size();
  if (integral) {
    const std::string signed_digits = (negative ? "-" : "") + digits.substr(prefix);
    std::int64_t value = 0;
    const char* last = signed_digits.data() + signed_digits.size();
    const auto result = std::from_chars(signed_digits.data(), last, value, base);
    if (result.ec == std::errc::result_out_of_range)
      return {{}, 0, fmt::format("integer overflow: {:?}", source)};
    if (result.ec != std::errc() || result.ptr != last) return bad;
    return {Value{value}, source.size(), ""};
  }
  const auto format = base == 16 ? std::chars_format::hex : std::chars_format::general;
  double value = 0;
  const auto result = std::from_chars(digits.data() + (base == 16 ? 2 : 0), end, value, format);
  if (result.ec != std::errc() || result.ptr != end) return bad;
  return {Value{negative ? -value : value}, source.size(), ""};
}

}  // namespace

void AppendUtf8(std::string& text, unsigned long code_point) {
  if (code_point > 0x10FFFF || (code_point >= 0xD800 && code_point <= 0xDFFF)) code_point = 0xFFFD;
  const auto add = [&](unsigned long byte) { text += static_cast<char>(byte); };
  if (code_point < 0x80) return add(code_point);
  if (code_point < 0x800) {
    add(0xC0 | code_point >> 6);
  } else {
    if (code_point < 0x10000) {
      add(0xE0 | code_point >> 12);
    } else {
      add(0xF0 | code_point >> 18);
      add(0x80 | (code_point >> 12 & 0x3F));
    }
    add(0x80 | (code_point >> 6 & 0x3F));
  }
  add(0x80 | (code_point & 0x3F));
}

std::optional<Literal> ReadLiteral(std::string_view text) {
  if (text.empty()) return std::nullopt;
  if (text[0] == '"') return ReadString(text);
  if (text[0] == '\'') return ReadCharacter(text);
  if (text[0] == '`') {
    const std::size_t end = text.find('`', 1);
    if (end == std::string_view::npos) return Literal{{}, 0, "unterminated raw quoted string"};
    return Literal{Value{std::string(text.substr(1, end - 1))}, end + 1, ""};
  }
  const bool number = IsDigit(text[0]) ||
                      (text.size() > 1 && (text[0] == '+' || text[0] == '-' || text[0] == '.') &&
                       (IsDigit(text[1]) || text[1] == '.'));
  if (number) return ReadNumber(text);
  return std::nullopt;
}

}  // namespace tierwatch::tmpl
