#include "exporter/api/parameters.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

#include "alerts/promql/promql.h"
#include "base/duration.h"
#include "base/labels.h"
#include "exporter/api/envelope.h"

namespace tierwatch::api {
namespace {

constexpr TimestampMs kEarliest = std::numeric_limits<TimestampMs>::min();
constexpr TimestampMs kLatest = std::numeric_limits<TimestampMs>::max();

std::optional<double> ParseFloat(std::string_view text) {
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// The code point whose hexadecimal digits stand before an underscore at the head of `text`, which
// loses both.
std::optional<char32_t> TakeCodePoint(std::string_view& text) {
  const std::size_t length = text.find('_');
  if (length == std::string_view::npos || length == 0 || length > 6) return std::nullopt;
  unsigned code = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + length, code, 16);
  const bool surrogate = code >= 0xd800 && code < 0xe000;
  if (error != std::errc{} || end != text.data() + length || surrogate || code > 0x10ffff)
    return std::nullopt;
  text.remove_prefix(length + 1);
  return code;
}

void AppendUtf8(std::string& out, char32_t code) {
  const auto tail = [&](int shift) { out += static_cast<char>(0x80 | ((code >> shift) & 0x3f)); };
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xc0 | (code >> 6));
    tail(0);
  } else if (code < 0x10000) {
    out += static_cast<char>(0xe0 | (code >> 12));
    tail(6);
    tail(0);
  } else {
    out += static_cast<char>(0xf0 | (code >> 18));
    tail(12);
    tail(6);
    tail(0);
  }
}

}  // namespace

Result<TimestampMs> ParseTime(std::string_view text) {
  if (const std::optional<double> seconds = ParseFloat(text)) {
    constexpr double kLongest = 9e15;
    if (std::abs(*seconds * 1000) < kLongest) return std::llround(*seconds * 1000);
  } else if (const Result<TimestampMs> time = ParseTimestamp(text); time.ok()) {
    return *time;
  }
  // What client libraries send as their first and last times, with years of many digits.
  if (text == "-292273086-05-16T16:47:06Z") return kEarliest;
  if (text == "292277025-08-18T07:12:54.999999999Z") return kLatest;
  return BadData(fmt::format("cannot parse {} to a valid timestamp", Quote(text)));
}

Result<Millis> ParseSpan(std::string_view text) {
  if (const std::optional<double> seconds = ParseFloat(text)) {
    constexpr double kLongest = 9.2e9;  // as nanoseconds they must fit 64 bits
    if (std::abs(*seconds) <= kLongest) return Millis(static_cast<std::int64_t>(*seconds * 1000));
    return BadData(
        fmt::format("cannot parse {} to a valid duration. It overflows int64", Quote(text)));
  }
  if (const Result<Millis> span = ParseDuration(text); span.ok()) return *span;
  return BadData(fmt::format("cannot parse {} to a valid duration", Quote(text)));
}

Result<std::size_t> ParseLimit(std::string_view text) {
  std::string_view digits = text;
  if (digits.starts_with('+') && !digits.starts_with("+-")) digits.remove_prefix(1);
  std::int64_t limit = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), limit);
  if (error == std::errc::result_out_of_range)
    return BadData(fmt::format("strconv.Atoi: parsing {}: value out of range", Quote(text)));
  if (error != std::errc{} || end != digits.data() + digits.size())
    return BadData(fmt::format("strconv.Atoi: parsing {}: invalid syntax", Quote(text)));
  if (limit < 0) return BadData("limit must be non-negative");
  return static_cast<std::size_t>(limit);
}

std::string UnescapeLabelName(std::string_view name) {
  std::string_view rest = name;
  if (!rest.starts_with("U__")) return std::string(name);
  rest.remove_prefix(3);
  std::string out;
  while (!rest.empty()) {
    const char c = rest.front();
    rest.remove_prefix(1);
    if (c != '_') {
      out += c;
    } else if (rest.starts_with('_')) {
      rest.remove_prefix(1);
      out += '_';
    } else {
      const std::optional<char32_t> code = TakeCodePoint(rest);
      if (!code) return std::string(name);
      AppendUtf8(out, *code);
    }
  }
  return out;
}

std::string ReadWord(const ServerRequest& request, std::string_view name) {
  std::string word = request.Parameter(name).value_or("");
  std::transform(word.begin(), word.end(), word.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return word;
}

Result<TimestampMs> ReadTime(const ServerRequest& request, std::string_view name,
                             TimestampMs otherwise) {
  const std::string text = request.Parameter(name).value_or("");
  if (text.empty()) return otherwise;
  const Result<TimestampMs> time = ParseTime(text);
  if (time.ok()) return *time;
  return BadParameter(name,
                      fmt::format("Invalid time value for '{}': {}", name, time.error().message));
}

Result<series::TimeRange> ReadTimeRange(const ServerRequest& request) {
  const Result<TimestampMs> start = ReadTime(request, "start", kEarliest);
  if (!start.ok()) return start.error();
  const Result<TimestampMs> end = ReadTime(request, "end", kLatest);
  if (!end.ok()) return end.error();
  return series::TimeRange{*start, *end};
}

Result<std::size_t> ReadLimit(const ServerRequest& request) {
  const std::string text = request.Parameter("limit").value_or("");
  if (text.empty()) return std::size_t{0};
  Result<std::size_t> limit = ParseLimit(text);
  if (limit.ok()) return limit;
  return BadParameter("limit", limit.error().message);
}

Result<std::vector<std::vector<series::Matcher>>> ReadMatchers(const ServerRequest& request) {
  std::vector<std::vector<series::Matcher>> sets;
  for (const std::string& text : request.Parameters("match[]")) {
    Result<std::vector<series::Matcher>> set = promql::ParseSelector(text);
    if (!set.ok()) return BadData(set.error().message);
    const bool chooses = std::any_of(set->begin(), set->end(), [](const series::Matcher& matcher) {
      return !matcher.Matches("");
    });
    if (!chooses) return BadData("match[] must contain at least one non-empty matcher");
    sets.push_back(*std::move(set));
  }
  return sets;
}

}  // namespace tierwatch::api
