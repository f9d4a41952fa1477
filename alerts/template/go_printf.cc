#include "alerts/template/go_printf.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "alerts/template/go_format.h"
#include "alerts/template/go_literal.h"
#include "base/labels.h"

namespace tierwatch::tmpl {
namespace {

constexpr int kMaxWidth = 10'000;

struct Spec {
  bool plus = false, minus = false, sharp = false, space = false, zero = false;
  std::optional<int> width, precision;
  char verb = 'v';
};

std::size_t CharacterCount(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

/// Fills up to the width. Zeros go between sign and digits, and only where a number is.
std::string Pad(const Spec& spec, std::string text, bool zeros_fit) {
  const std::size_t length = CharacterCount(text);
  const auto width = static_cast<std::size_t>(spec.width.value_or(0));
  if (length >= width) return text;
  const std::size_t missing = width - length;
  if (spec.minus) return text + std::string(missing, ' ');
  if (!spec.zero || !zeros_fit) return std::string(missing, ' ') + text;
  const bool sign = !text.empty() && (text[0] == '-' || text[0] == '+' || text[0] == ' ');
  return text.insert(sign ? 1 : 0, missing, '0');
}

std::string Signed(const Spec& spec, bool negative, std::string digits) {
  if (negative) return "-" + digits;
  if (spec.plus) return "+" + digits;
  if (spec.space) return " " + digits;
  return digits;
}

std::string BadVerb(const Spec& spec, const Value& value) {
  if (value.IsNil()) return fmt::format("%!{}(<nil>)", spec.verb);
  return fmt::format("%!{}({}={})", spec.verb, TypeName(value), ToText(value));
}

std::string InBase(std::uint64_t value, unsigned base, bool upper) {
  const char* digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
  std::string text;
  do {
    text.insert(text.begin(), digits[value % base]);
    value /= base;
  } while (value != 0);
  return text;
}

std::string Integer(const Spec& spec, const Value& value, std::int64_t number) {
  const bool negative = number < 0;
  const std::uint64_t magnitude =
      negative ? 0 - static_cast<std::uint64_t>(number) : static_cast<std::uint64_t>(number);
  std::string digits;
  switch (spec.verb) {
    case 'v':
    case 'd':
      digits = InBase(magnitude, 10, false);
      break;
    case 'b':
      digits = (spec.sharp ? "0b" : "") + InBase(magnitude, 2, false);
      break;
    case 'o':
      digits = (spec.sharp ? "0" : "") + InBase(magnitude, 8, false);
      break;
    case 'O':
      digits = "0o" + InBase(magnitude, 8, false);
      break;
    case 'x':
      digits = (spec.sharp ? "0x" : "") + InBase(magnitude, 16, false);
      break;
    case 'X':
      digits = (spec.sharp ? "0X" : "") + InBase(magnitude, 16, true);
      break;
    case 'c':
    case 'q': {
      std::string text;
      AppendUtf8(text, static_cast<unsigned long>(number));
      return Pad(spec, spec.verb == 'q' ? "'" + text + "'" : text, false);
    }
    case 'U':
      return Pad(spec, fmt::format("U+{:04X}", magnitude), false);
    default:
      return BadVerb(spec, value);
  }
  if (spec.precision) {
    if (*spec.precision == 0 && number == 0) digits.clear();
    const auto wanted = static_cast<std::size_t>(*spec.precision);
    if (digits.size() < wanted) digits.insert(0, wanted - digits.size(), '0');
  }
  return Pad(spec, Signed(spec, negative, std::move(digits)), !spec.precision);
}

std::string Float(const Spec& spec, const Value& value, double number) {
  char verb = spec.verb;
  int precision = spec.precision.value_or(6);
  if (verb == 'v' || verb == 'g' || verb == 'G') precision = spec.precision.value_or(-1);
  if (verb == 'v') verb = 'g';
  if (std::string_view("eEfFgG").find(verb) == std::string_view::npos) return BadVerb(spec, value);
  std::string text = FormatDouble(number, verb, precision);
  const bool infinite = text == "NaN" || text.ends_with("Inf");
  const bool negative = text[0] == '-';
  if (text[0] == '-' || text[0] == '+') text.erase(0, 1);
  // Go keeps the sign of an infinity that is positive.
  if (text == "Inf" && !negative) return Pad(spec, "+Inf", false);
  return Pad(spec, Signed(spec, negative, std::move(text)), !infinite);
}

std::string Hex(std::string_view bytes, bool upper) {
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text += upper ? fmt::format("{:02X}", byte) : fmt::format("{:02x}", byte);
  }
  return text;
}

/// The first `count` characters.
std::string_view Characters(std::string_view text, std::size_t count) {
  std::size_t at = 0;
  for (; at < text.size(); ++at) {
    if ((static_cast<unsigned char>(text[at]) & 0xC0) != 0x80 && count-- == 0) break;
  }
  return text.substr(0, at);
}

std::string String(const Spec& spec, const Value& value, std::string_view text) {
  if (spec.precision) text = Characters(text, static_cast<std::size_t>(*spec.precision));
  switch (spec.verb) {
    case 'v':
    case 's':
      return Pad(spec, std::string(text), true);
    case 'q':
      if (spec.sharp && text.find('`') == std::string_view::npos)
        return Pad(spec, "`" + std::string(text) + "`", false);
      return Pad(spec, Quote(text), false);
    case 'x':
      return Pad(spec, Hex(text, false), false);
    case 'X':
      return Pad(spec, Hex(text, true), false);
    default:
      return BadVerb(spec, value);
  }
}

std::string Formatted(const Spec& spec, const Value& value) {
  if (spec.verb == 'T')
    return Pad(spec, value.IsNil() ? "<nil>" : std::string(TypeName(value)), false);
  if (value.IsNil()) return spec.verb == 'v' ? Pad(spec, "<nil>", false) : BadVerb(spec, value);
  if (const auto* i = value.As<std::int64_t>()) return Integer(spec, value, *i);
  if (const auto* d = value.As<double>()) return Float(spec, value, *d);
  if (const auto* s = value.As<std::string>()) return String(spec, value, *s);
  if (value.As<bool>()) {
    return spec.verb == 't' || spec.verb == 'v' ? Pad(spec, ToText(value), false)
                                                : BadVerb(spec, value);
  }
  if (spec.verb == 'd' && value.As<Duration>())
    return Integer(spec, value, value.As<Duration>()->ns);
  if (const List* list = value.AsList()) {
    std::string text = "[";
    for (const Value& item : *list) text += (text.size() > 1 ? " " : "") + Formatted(spec, item);
    return text + "]";
  }
  return String(spec, value, ToText(value));
}

/// Reads a format from left to right and takes the arguments as it goes.
class Formatter {
 public:
  Formatter(std::string_view format, std::span<const Value> args) : format_(format), args_(args) {}

  std::string Run() {
    while (at_ < format_.size()) {
      if (format_[at_] != '%') {
        text_ += format_[at_++];
        continue;
      }
      ++at_;
      Verb();
    }
    if (!reordered_ && next_ < args_.size()) Extra();
    return std::move(text_);
  }

 private:
  char Peek() const { return at_ < format_.size() ? format_[at_] : '\0'; }

  void Flags(Spec& spec) {
    for (;; ++at_) {
      switch (Peek()) {
        case '+':
          spec.plus = true;
          break;
        case '-':
          spec.minus = true;
          break;
        case '#':
          spec.sharp = true;
          break;
        case ' ':
          spec.space = true;
          break;
        case '0':
          spec.zero = true;
          break;
        default:
          return;
      }
    }
  }

  /// `[n]` makes the n-th argument the next one.
  void Index() {
    if (Peek() != '[') return;
    const std::size_t close = format_.find(']', at_);
    std::size_t index = 0;
    for (std::size_t i = at_ + 1; i < std::min(close, format_.size()); ++i) {
      const char c = format_[i];
      index = c >= '0' && c <= '9' && index < 1000 ? index * 10 + static_cast<std::size_t>(c - '0')
                                                   : 1'000'000;
    }
    reordered_ = true;
    bad_index_ = close == std::string_view::npos || index == 0 || index > args_.size();
    if (!bad_index_) next_ = index - 1;
    at_ = close == std::string_view::npos ? at_ + 1 : close + 1;
  }

  std::optional<int> Number(std::string_view what) {
    if (Peek() == '*') {
      ++at_;
      const auto* number = next_ < args_.size() ? args_[next_].As<std::int64_t>() : nullptr;
      ++next_;
      if (number && *number >= -kMaxWidth && *number <= kMaxWidth) return static_cast<int>(*number);
      text_ += fmt::format("%!(BAD{})", what);
      return std::nullopt;
    }
    if (Peek() < '0' || Peek() > '9') return std::nullopt;
    int number = 0;
    for (; Peek() >= '0' && Peek() <= '9'; ++at_)
      number = std::min(number * 10 + (Peek() - '0'), kMaxWidth + 1);
    if (number <= kMaxWidth) return number;
    text_ += fmt::format("%!(BAD{})", what);
    return std::nullopt;
  }

  void Verb() {
    Spec spec;
    bad_index_ = false;
    Flags(spec);
    Index();
    spec.width = Number("WIDTH");
    if (spec.width && *spec.width < 0) {
      spec.minus = true;
      spec.width = -*spec.width;
    }
    if (Peek() == '.') {
      ++at_;
      Index();
      spec.precision = Number("PREC");
      if (!spec.precision) spec.precision = 0;
      if (*spec.precision < 0) spec.precision.reset();
    }
    Index();
    if (at_ >= format_.size()) {
      text_ += "%!(NOVERB)";
      return;
    }
    spec.verb = format_[at_++];
    if (spec.verb == '%') {
      text_ += '%';
    } else if (bad_index_) {
      text_ += fmt::format("%!{}(BADINDEX)", spec.verb);
    } else if (next_ >= args_.size()) {
      text_ += fmt::format("%!{}(MISSING)", spec.verb);
    } else {
      text_ += Formatted(spec, args_[next_++]);
    }
  }

  void Extra() {
    text_ += "%!(EXTRA ";
    for (std::size_t i = next_; i < args_.size(); ++i) {
      if (i > next_) text_ += ", ";
      text_ +=
          args_[i].IsNil() ? "<nil>" : fmt::format("{}={}", TypeName(args_[i]), ToText(args_[i]));
    }
    text_ += ')';
  }

  std::string_view format_;
  std::span<const Value> args_;
  std::size_t at_ = 0;
  std::size_t next_ = 0;
  bool reordered_ = false;
  bool bad_index_ = false;
  std::string text_;
};

}  // namespace

std::string Sprint(std::span<const Value> args) {
  std::string text;
  for (std::size_t i = 0; i < args.size(); ++i) {
    if (i > 0 && !args[i].As<std::string>() && !args[i - 1].As<std::string>()) text += ' ';
    text += ToText(args[i]);
  }
  return text;
}

std::string Sprintln(std::span<const Value> args) {
  std::string text;
  for (std::size_t i = 0; i < args.size(); ++i) text += (i > 0 ? " " : "") + ToText(args[i]);
  return text + "\n";
}

std::string Sprintf(std::string_view format, std::span<const Value> args) {
  return Formatter(format, args).Run();
}

}  // namespace tierwatch::tmpl
