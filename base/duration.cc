#include "base/duration.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <limits>

namespace tierwatch {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t factor;
};

// Largest first, which is also the order that a duration must keep.
constexpr std::array<Unit, 7> kDurationUnits{{{"y", 31'536'000'000},
                                              {"w", 604'800'000},
                                              {"d", 86'400'000},
                                              {"h", 3'600'000},
                                              {"m", 60'000},
                                              {"s", 1'000},
                                              {"ms", 1}}};

constexpr std::array<Unit, 10> kSizeUnits{{{"", 1},
                                           {"B", 1},
                                           {"KB", 1'000},
                                           {"MB", 1'000'000},
                                           {"GB", 1'000'000'000},
                                           {"TB", 1'000'000'000'000},
                                           {"KiB", 1LL << 10},
                                           {"MiB", 1LL << 20},
                                           {"GiB", 1LL << 30},
                                           {"TiB", 1LL << 40}}};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool MultiplyAdd(std::int64_t& total, std::int64_t count, std::int64_t factor) {
  std::int64_t product = 0;
  return !__builtin_mul_overflow(count, factor, &product) &&
         !__builtin_add_overflow(total, product, &total);
}

Error BadDuration(std::string_view text, std::string_view why) {
  return Error{fmt::format("\"{}\" is not a duration: {}", text, why), Reason::kParse};
}

// Reads exactly `digits` decimal digits at `pos`; -1 where they are not there.
int FixedDigits(std::string_view text, std::size_t pos, std::size_t digits) {
  if (text.size() < pos + digits) return -1;
  int value = 0;
  for (std::size_t i = pos; i < pos + digits; ++i) {
    if (!IsDigit(text[i])) return -1;
    value = value * 10 + (text[i] - '0');
  }
  return value;
}

// The offset from UTC at the end of an RFC 3339 time, in minutes.
std::optional<int> ParseZone(std::string_view zone) {
  if (zone == "Z" || zone == "z") return 0;
  if (zone.size() != 6 || (zone[0] != '+' && zone[0] != '-') || zone[3] != ':') return std::nullopt;
  const int hours = FixedDigits(zone, 1, 2);
  const int minutes = FixedDigits(zone, 4, 2);
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return std::nullopt;
  const int offset = hours * 60 + minutes;
  return zone[0] == '-' ? -offset : offset;
}

}  // namespace

Result<Millis> ParseDuration(std::string_view text) {
  if (text == "0") return Millis{0};
  if (text.empty()) return BadDuration(text, "it is empty");
  std::int64_t total = 0;
  std::size_t pos = 0;
  std::size_t next_unit = 0;
  while (pos < text.size()) {
    std::int64_t count = 0;
    const auto [end, status] = std::from_chars(text.data() + pos, text.data() + text.size(), count);
    if (status == std::errc::result_out_of_range) return BadDuration(text, "it is too long");
    if (status != std::errc() || !IsDigit(text[pos])) {
      return BadDuration(text,
                         "expected digits with a unit of y, w, d, h, m, s or ms, such as 1h30m");
    }
    pos = static_cast<std::size_t>(end - text.data());
    std::size_t unit_end = pos;
    while (unit_end < text.size() && !IsDigit(text[unit_end])) ++unit_end;
    const std::string_view name = text.substr(pos, unit_end - pos);
    std::size_t unit = next_unit;
    while (unit < kDurationUnits.size() && kDurationUnits[unit].name != name) ++unit;
    if (unit == kDurationUnits.size()) {
      return BadDuration(text, name.empty()
                                   ? "a unit (y, w, d, h, m, s or ms) is missing"
                                   : "units are y, w, d, h, m, s and ms, each once, largest first");
    }
    if (!MultiplyAdd(total, count, kDurationUnits[unit].factor))
      return BadDuration(text, "it is too long");
    next_unit = unit + 1;
    pos = unit_end;
  }
  return Millis{total};
}

std::string FormatDuration(Millis duration) {
  std::int64_t rest = duration.count();
  if (rest == 0) return "0s";
  std::string text;
  if (rest < 0) {
    text = "-";
    rest = -rest;
  }
  for (const Unit& unit : kDurationUnits) {
    // Years and weeks only when nothing is left over: "400d" reads better than "1y5w".
    const bool whole_only = unit.name == "y" || unit.name == "w";
    if (whole_only ? rest % unit.factor != 0 || rest == 0 : rest < unit.factor) continue;
    text += fmt::format("{}{}", rest / unit.factor, unit.name);
    rest %= unit.factor;
  }
  return text;
}

Result<std::int64_t> ParseSize(std::string_view text) {
  std::int64_t count = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), count);
  const std::string_view name = text.substr(static_cast<std::size_t>(end - text.data()));
  std::int64_t total = 0;
  if (status == std::errc() && count >= 0) {
    for (const Unit& unit : kSizeUnits) {
      if (unit.name == name && MultiplyAdd(total, count, unit.factor)) return total;
    }
  }
  return Error{
      fmt::format(
          "\"{}\" is not a size: expected digits with B, KB, MB, GB, TB, KiB, MiB, GiB or TiB",
          text),
      Reason::kParse};
}

std::string FormatTimestamp(TimestampMs timestamp) {
  using namespace std::chrono;
  const sys_time<milliseconds> time{milliseconds{timestamp}};
  const auto day = floor<days>(time);
  const year_month_day date{day};
  const hh_mm_ss<milliseconds> clock{time - day};
  std::string text =
      fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(date.year()),
                  static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                  clock.hours().count(), clock.minutes().count(), clock.seconds().count());
  if (const auto ms = clock.subseconds().count(); ms != 0) {
    std::string fraction = fmt::format(".{:03}", ms);
    fraction.erase(fraction.find_last_not_of('0') + 1);
    text += fraction;
  }
  return text + "Z";
}

Result<TimestampMs> ParseTimestamp(std::string_view text) {
  using namespace std::chrono;
  const Error bad{fmt::format("\"{}\" is not an RFC 3339 time such as 2025-11-07T20:00:00Z", text),
                  Reason::kParse};
  const int years = FixedDigits(text, 0, 4);
  const int months = FixedDigits(text, 5, 2);
  const int day_of_month = FixedDigits(text, 8, 2);
  const int hour = FixedDigits(text, 11, 2);
  const int minute = FixedDigits(text, 14, 2);
  const int second = FixedDigits(text, 17, 2);
  if (years < 0 || months < 0 || day_of_month < 0 || hour < 0 || minute < 0 || second < 0)
    return bad;
  const bool separators = text[4] == '-' && text[7] == '-' && text[13] == ':' && text[16] == ':' &&
                          (text[10] == 'T' || text[10] == 't' || text[10] == ' ');
  const year_month_day date{year{years}, month{static_cast<unsigned>(months)},
                            std::chrono::day{static_cast<unsigned>(day_of_month)}};
  if (!separators || !date.ok() || hour > 23 || minute > 59 || second > 60) return bad;
  std::size_t pos = 19;
  std::int64_t fraction = 0;
  if (pos < text.size() && text[pos] == '.') {
    std::int64_t weight = 100;
    std::size_t digits = 0;
    for (++pos; pos < text.size() && IsDigit(text[pos]); ++pos, ++digits, weight /= 10) {
      fraction += (text[pos] - '0') * weight;
    }
    if (digits == 0) return bad;
  }
  const std::optional<int> zone = ParseZone(text.substr(pos));
  if (!zone) return bad;
  const auto time =
      sys_days{date} + hours{hour} + minutes{minute} + seconds{second} - minutes{*zone};
  return duration_cast<milliseconds>(time.time_since_epoch()).count() + fraction;
}

}  // namespace tierwatch
