#include "alerts/template/go_format.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>

namespace tierwatch::tmpl {
namespace {

std::string FourDigits(double value) { return FormatDouble(value, 'g', 4); }

/// The fewest digits: "d.ddde±xx" of to_chars decides them, the exponent decides the notation.
std::string ShortestG(double value, bool upper) {
  std::array<char, 64> buffer;
  auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                           std::chars_format::scientific)
                 .ptr;
  std::string scientific(buffer.data(), end);
  const int exponent = std::atoi(scientific.c_str() + scientific.find('e') + 1);
  if (exponent >= -4 && exponent < 6) {
    end =
        std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::fixed)
            .ptr;
    return std::string(buffer.data(), end);
  }
  if (upper) scientific[scientific.find('e')] = 'E';
  return scientific;
}

/// The fewest digits and no exponent. From 2^53 on to_chars would print the whole exact number,
/// where Go fills up with zeros.
std::string ShortestF(double value) {
  std::array<char, 400> buffer;
  const bool big = std::abs(value) >= 0x1p53;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                 big ? std::chars_format::scientific : std::chars_format::fixed)
                       .ptr;
  std::string text(buffer.data(), end);
  if (!big) return text;
  const std::size_t e = text.find('e');
  const auto exponent = static_cast<std::size_t>(std::atoi(text.c_str() + e + 1));
  text.resize(e);
  std::erase(text, '.');
  text.resize(exponent + (value < 0 ? 2 : 1), '0');
  return text;
}

struct CivilTime {
  std::chrono::year_month_day date;
  std::chrono::weekday weekday;
  int day_of_year = 0;
  int hour = 0, minute = 0, second = 0, millisecond = 0;
  int offset_seconds = 0;
  std::string zone;
};

CivilTime ToCivil(const Time& time) {
  using namespace std::chrono;
  const sys_time<milliseconds> at{milliseconds(time.ms) + seconds(time.offset_seconds)};
  const sys_days day = floor<days>(at);
  const hh_mm_ss clock{at - day};
  const year_month_day date{day};
  return {date,
          weekday{day},
          static_cast<int>((day - sys_days{date.year() / January / 1}).count()) + 1,
          static_cast<int>(clock.hours().count()),
          static_cast<int>(clock.minutes().count()),
          static_cast<int>(clock.seconds().count()),
          static_cast<int>(clock.subseconds().count()),
          time.offset_seconds,
          time.zone};
}

constexpr std::array<std::string_view, 12> kMonths = {
    "January", "February", "March",     "April",   "May",      "June",
    "July",    "August",   "September", "October", "November", "December"};
constexpr std::array<std::string_view, 7> kDays = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                   "Thursday", "Friday", "Saturday"};

/// ".000" keeps its zeros, ".999" drops them with the point; the time has milliseconds.
std::string Fraction(char separator, std::size_t digits, bool keep_zeros, int millisecond) {
  std::string text =
      fmt::format("{:03}000000", millisecond).substr(0, std::min<std::size_t>(digits, 9));
  if (!keep_zeros) {
    while (!text.empty() && text.back() == '0') text.pop_back();
    if (text.empty()) return "";
  }
  return separator + text;
}

/// One element of a layout; longer ones that begin alike stand first, as Go's scanner prefers them.
struct LayoutElement {
  std::string_view name;
  std::string (*print)(const CivilTime&);
};

std::string_view MonthName(const CivilTime& t) {
  return kMonths[static_cast<unsigned>(t.date.month()) - 1];
}
std::string_view DayName(const CivilTime& t) { return kDays[t.weekday.c_encoding()]; }
int Year(const CivilTime& t) { return static_cast<int>(t.date.year()); }
unsigned Month(const CivilTime& t) { return static_cast<unsigned>(t.date.month()); }
unsigned Day(const CivilTime& t) { return static_cast<unsigned>(t.date.day()); }
int Hour12(const CivilTime& t) { return t.hour % 12 == 0 ? 12 : t.hour % 12; }

/// "+02:00": as many of hours, minutes and seconds as `parts` says.
std::string Offset(const CivilTime& t, int parts, std::string_view separator) {
  const int seconds = std::abs(t.offset_seconds);
  std::string text = fmt::format("{}{:02}", t.offset_seconds < 0 ? '-' : '+', seconds / 3600);
  if (parts > 1) text += fmt::format("{}{:02}", separator, seconds / 60 % 60);
  if (parts > 2) text += fmt::format("{}{:02}", separator, seconds % 60);
  return text;
}
std::string ZOr(const CivilTime& t, int parts, std::string_view separator) {
  return t.offset_seconds == 0 ? "Z" : Offset(t, parts, separator);
}

constexpr LayoutElement kLayout[] = {
    {"January", [](const CivilTime& t) { return std::string(MonthName(t)); }},
    {"Jan", [](const CivilTime& t) { return std::string(MonthName(t).substr(0, 3)); }},
    {"Monday", [](const CivilTime& t) { return std::string(DayName(t)); }},
    {"Mon", [](const CivilTime& t) { return std::string(DayName(t).substr(0, 3)); }},
    {"MST", [](const CivilTime& t) { return t.zone; }},
    {"2006", [](const CivilTime& t) { return fmt::format("{:04}", Year(t)); }},
    {"002", [](const CivilTime& t) { return fmt::format("{:03}", t.day_of_year); }},
    {"01", [](const CivilTime& t) { return fmt::format("{:02}", Month(t)); }},
    {"02", [](const CivilTime& t) { return fmt::format("{:02}", Day(t)); }},
    {"03", [](const CivilTime& t) { return fmt::format("{:02}", Hour12(t)); }},
    {"04", [](const CivilTime& t) { return fmt::format("{:02}", t.minute); }},
    {"05", [](const CivilTime& t) { return fmt::format("{:02}", t.second); }},
    {"06", [](const CivilTime& t) { return fmt::format("{:02}", Year(t) % 100); }},
    {"15", [](const CivilTime& t) { return fmt::format("{:02}", t.hour); }},
    {"__2", [](const CivilTime& t) { return fmt::format("{:3}", t.day_of_year); }},
    {"_2006", [](const CivilTime& t) { return fmt::format("_{:04}", Year(t)); }},
    {"_2", [](const CivilTime& t) { return fmt::format("{:2}", Day(t)); }},
    {"PM", [](const CivilTime& t) { return std::string(t.hour >= 12 ? "PM" : "AM"); }},
    {"pm", [](const CivilTime& t) { return std::string(t.hour >= 12 ? "pm" : "am"); }},
    {"-07:00:00", [](const CivilTime& t) { return Offset(t, 3, ":"); }},
    {"-070000", [](const CivilTime& t) { return Offset(t, 3, ""); }},
    {"-07:00", [](const CivilTime& t) { return Offset(t, 2, ":"); }},
    {"-0700", [](const CivilTime& t) { return Offset(t, 2, ""); }},
    {"-07", [](const CivilTime& t) { return Offset(t, 1, ""); }},
    {"Z07:00:00", [](const CivilTime& t) { return ZOr(t, 3, ":"); }},
    {"Z070000", [](const CivilTime& t) { return ZOr(t, 3, ""); }},
    {"Z07:00", [](const CivilTime& t) { return ZOr(t, 2, ":"); }},
    {"Z0700", [](const CivilTime& t) { return ZOr(t, 2, ""); }},
    {"Z07", [](const CivilTime& t) { return ZOr(t, 1, ""); }},
    {"1", [](const CivilTime& t) { return fmt::to_string(Month(t)); }},
    {"2", [](const CivilTime& t) { return fmt::to_string(Day(t)); }},
    {"3", [](const CivilTime& t) { return fmt::to_string(Hour12(t)); }},
    {"4", [](const CivilTime& t) { return fmt::to_string(t.minute); }},
    {"5", [](const CivilTime& t) { return fmt::to_string(t.second); }},
};

/// Scales by steps of `base` up through `units`; the last one takes what is left.
std::string ScaleUp(double value, double base, std::initializer_list<std::string_view> units) {
  std::string_view prefix;
  for (std::string_view unit : units) {
    if (std::abs(value) < base) break;
    prefix = unit;
    value /= base;
  }
  return FourDigits(value) + std::string(prefix);
}

std::string ScaleDown(double value) {
  std::string_view prefix;
  for (std::string_view unit : {"m", "u", "n", "p", "f", "a", "z", "y"}) {
    if (std::abs(value) >= 1) break;
    prefix = unit;
    value *= 1000;
  }
  return FourDigits(value) + std::string(prefix);
}

}  // namespace

std::string FormatDouble(double value, char verb, int precision) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  const bool upper = verb == 'E' || verb == 'G';
  const char kind = verb == 'e' || verb == 'E' ? 'e' : verb == 'f' || verb == 'F' ? 'f' : 'g';
  if (precision < 0 && kind == 'g') return ShortestG(value, upper);
  if (precision < 0 && kind == 'f') return ShortestF(value);
  std::array<char, 1100> buffer;
  const auto format = kind == 'e'   ? std::chars_format::scientific
                      : kind == 'f' ? std::chars_format::fixed
                                    : std::chars_format::general;
  char* const last = buffer.data() + buffer.size();
  const auto result =
      precision < 0 ? std::to_chars(buffer.data(), last, value, format)
                    : std::to_chars(buffer.data(), last, value, format, std::min(precision, 700));
  std::string text(buffer.data(), result.ptr);
  if (upper && text.find('e') != std::string::npos) text[text.find('e')] = 'E';
  return text;
}

std::string TimeText(const Time& time) {
  return FormatTime(time, "2006-01-02 15:04:05.999999999 -0700 MST");
}

std::string FormatTime(const Time& time, std::string_view layout) {
  const CivilTime civil = ToCivil(time);
  std::string text;
  while (!layout.empty()) {
    const char c = layout[0];
    if ((c == '.' || c == ',') && layout.size() > 1 && (layout[1] == '0' || layout[1] == '9')) {
      const std::size_t end = std::min(layout.find_first_not_of(layout[1], 1), layout.size());
      if (end == layout.size() || layout[end] < '0' || layout[end] > '9') {
        text += Fraction(c, end - 1, layout[1] == '0', civil.millisecond);
        layout.remove_prefix(end);
        continue;
      }
    }
    const LayoutElement* found = nullptr;
    for (const LayoutElement& element : kLayout) {
      if (layout.starts_with(element.name)) {
        found = &element;
        break;
      }
    }
    text += found ? found->print(civil) : std::string(1, c);
    layout.remove_prefix(found ? found->name.size() : 1);
  }
  return text;
}

std::string DurationText(std::int64_t nanoseconds) {
  if (nanoseconds == 0) return "0s";
  const bool negative = nanoseconds < 0;
  const std::uint64_t ns = negative ? 0 - static_cast<std::uint64_t>(nanoseconds)
                                    : static_cast<std::uint64_t>(nanoseconds);
  const auto scaled = [](std::uint64_t value, std::uint64_t unit, int digits) {
    std::string text = fmt::to_string(value / unit);
    std::string fraction = fmt::format("{:0{}}", value % unit, digits);
    while (!fraction.empty() && fraction.back() == '0') fraction.pop_back();
    return fraction.empty() ? text : text + "." + fraction;
  };
  std::string text;
  if (ns < 1'000) {
    text = fmt::format("{}ns", ns);
  } else if (ns < 1'000'000) {
    text = scaled(ns, 1'000, 3) + "µs";
  } else if (ns < 1'000'000'000) {
    text = scaled(ns, 1'000'000, 6) + "ms";
  } else {
    const std::uint64_t minutes = ns / 60'000'000'000;
    if (minutes >= 60) text = fmt::format("{}h", minutes / 60);
    if (minutes > 0) text += fmt::format("{}m", minutes % 60);
    text += scaled(ns % 60'000'000'000, 1'000'000'000, 9) + "s";
  }
  return negative ? "-" + text : text;
}

std::string Humanize(double value) {
  if (value == 0 || !std::isfinite(value)) return FourDigits(value);
  if (std::abs(value) < 1) return ScaleDown(value);
  return ScaleUp(value, 1000, {"k", "M", "G", "T", "P", "E", "Z", "Y"});
}

std::string Humanize1024(double value) {
  if (std::abs(value) <= 1 || !std::isfinite(value)) return FourDigits(value);
  return ScaleUp(value, 1024, {"ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"});
}

std::string HumanizeDuration(double seconds) {
  if (!std::isfinite(seconds)) return FourDigits(seconds);
  if (seconds == 0) return FourDigits(seconds) + "s";
  if (std::abs(seconds) < 1) return ScaleDown(seconds) + "s";
  const std::string sign = seconds < 0 ? "-" : "";
  const double length = std::abs(seconds);
  // Beyond 2^63 seconds no calendar helps; the number itself is the honest text.
  if (length >= 9.2e18) return sign + FourDigits(length) + "s";
  const auto whole = static_cast<std::int64_t>(length);
  const std::int64_t s = whole % 60, m = whole / 60 % 60, h = whole / 3600 % 24, d = whole / 86400;
  if (d != 0) return fmt::format("{}{}d {}h {}m {}s", sign, d, h, m, s);
  if (h != 0) return fmt::format("{}{}h {}m {}s", sign, h, m, s);
  if (m != 0) return fmt::format("{}{}m {}s", sign, m, s);
  return sign + FourDigits(length) + "s";
}

std::string HumanizePercentage(double ratio) { return FourDigits(ratio * 100) + "%"; }

std::string QueryEscape(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.' || c == '~';
    if (plain) {
      escaped += c;
    } else if (c == ' ') {
      escaped += '+';
    } else {
      escaped += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return escaped;
}

}  // namespace tierwatch::tmpl
