#include "alerts/notify/time_interval.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <optional>
#include <span>

#include "alerts/receivers/global_config.h"

namespace tierwatch {
namespace {

constexpr std::array<std::string_view, 7> kWeekdays{"sunday",   "monday", "tuesday", "wednesday",
                                                    "thursday", "friday", "saturday"};
constexpr std::array<std::string_view, 12> kMonths{"january",   "february", "march",    "april",
                                                   "may",       "june",     "july",     "august",
                                                   "september", "october",  "november", "december"};

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return lower;
}

std::optional<int> Number(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// A name's place in `names`, counted from `first`; or a number.
std::optional<int> NameOrNumber(std::string_view text, std::span<const std::string_view> names,
                                int first, bool numbers) {
  const auto at = std::find(names.begin(), names.end(), Lower(text));
  if (at != names.end()) return static_cast<int>(at - names.begin()) + first;
  return numbers ? Number(text) : std::nullopt;
}

bool Contains(const std::vector<NumberRange>& ranges, int value) {
  return ranges.empty() ||
         std::any_of(ranges.begin(), ranges.end(), [value](const NumberRange& range) {
           return range.first <= value && value <= range.last;
         });
}

bool HoldsDay(const std::vector<NumberRange>& ranges, int day, int days_in_month) {
  return ranges.empty() || std::any_of(ranges.begin(), ranges.end(), [&](NumberRange range) {
           for (int* end : {&range.first, &range.last})
             if (*end < 0) *end += days_in_month + 1;
           return range.first <= day && day <= range.last;
         });
}

class Reader {
 public:
  explicit Reader(const YamlNode& node, Diagnostics& diagnostics)
      : map_(node, "time interval", diagnostics) {}

  TimeInterval Read() {
    TimeInterval interval;
    for (const YamlNode& node : ReadList(map_, "times")) ReadTimes(node, interval);
    interval.weekdays = Ranges("weekdays", 0, 6, [](std::string_view text) {
      return NameOrNumber(text, kWeekdays, 0, false);
    });
    interval.days_of_month = Days();
    interval.months = Ranges("months", 1, 12, [](std::string_view text) {
      return NameOrNumber(text, kMonths, 1, true);
    });
    interval.years = Ranges("years", 0, 9999, Number);
    const std::string location = map_.String("location").value_or("");
    Result<TimeZone> zone = TimeZone::Load(location);
    if (zone.ok()) {
      interval.location = *zone;
    } else {
      map_.diagnostics().Add(map_.Where("location"), zone.error().message);
    }
    return interval;
  }

 private:
  // "09:30" in minutes.
  static std::optional<int> TimeOfDay(std::string_view text) {
    if (text.size() != 5 || text[2] != ':') return std::nullopt;
    const std::optional<int> hour = Number(text.substr(0, 2));
    const std::optional<int> minute = Number(text.substr(3));
    if (!hour || !minute || *hour < 0 || *minute < 0 || *minute > 59) return std::nullopt;
    const int minutes = *hour * 60 + *minute;
    return minutes > 24 * 60 ? std::nullopt : std::optional(minutes);
  }

  void ReadTimes(const YamlNode& node, TimeInterval& interval) {
    YamlMap times(node, "times", map_.diagnostics());
    const auto start = TimeOfDay(times.String("start_time").value_or(""));
    const auto end = TimeOfDay(times.String("end_time").value_or(""));
    if (!start || !end) {
      map_.diagnostics().Add(node.where(),
                             "times: expected start_time and end_time as HH:MM, up to 24:00");
    } else if (*start >= *end) {
      map_.diagnostics().Add(node.where(), "times: start_time must be before end_time");
    } else {
      interval.minutes.push_back({*start, *end - 1});
    }
  }

  template <class Parse>
  std::vector<NumberRange> Ranges(std::string_view key, int least, int most, Parse parse) {
    std::vector<NumberRange> ranges;
    for (const std::string& text : map_.Strings(key)) {
      const std::size_t colon = std::min(text.find(':'), text.size());
      const std::string_view whole = text;
      const auto first = parse(whole.substr(0, colon));
      const auto last = colon == text.size() ? first : parse(whole.substr(colon + 1));
      if (!first || !last || *first < least || *last > most || *first > *last) {
        map_.diagnostics().Add(
            map_.Where(key),
            fmt::format("{}: \"{}\": expected one or a range FIRST:LAST", key, text));
      } else {
        ranges.push_back({*first, *last});
      }
    }
    return ranges;
  }

  std::vector<NumberRange> Days() {
    std::vector<NumberRange> days;
    for (const std::string& text : map_.Strings("days_of_month")) {
      const std::size_t colon = std::min(text.find(':'), text.size());
      const std::string_view whole = text;
      const auto first = Number(whole.substr(0, colon));
      const auto last = colon == text.size() ? first : Number(whole.substr(colon + 1));
      const auto is_day = [](std::optional<int> day) {
        return day && *day != 0 && std::abs(*day) <= 31;
      };
      // A range that begins at the month's end must end there too; one may go from the 1st to the
      // last, which no month makes empty.
      if (!is_day(first) || !is_day(last) || (*first < 0 && *last > 0) ||
          ((*first < 0) == (*last < 0) && *first > *last)) {
        map_.diagnostics().Add(
            map_.Where("days_of_month"),
            fmt::format("days_of_month: \"{}\": expected a day or FIRST:LAST, 1 to 31 or -31 to -1",
                        text));
      } else {
        days.push_back({*first, *last});
      }
    }
    return days;
  }

  YamlMap map_;
};

}  // namespace

bool TimeInterval::Holds(TimestampMs time) const {
  using namespace std::chrono;
  const sys_time<milliseconds> local{milliseconds(time) + seconds(location.At(time).seconds)};
  const sys_days day = floor<days>(local);
  const year_month_day date{day};
  const int days_in_month =
      static_cast<int>(static_cast<unsigned>((date.year() / date.month() / last).day()));
  return Contains(minutes, static_cast<int>(floor<std::chrono::minutes>(local - day).count())) &&
         Contains(weekdays, static_cast<int>(weekday{day}.c_encoding())) &&
         HoldsDay(days_of_month, static_cast<int>(static_cast<unsigned>(date.day())),
                  days_in_month) &&
         Contains(months, static_cast<int>(static_cast<unsigned>(date.month()))) &&
         Contains(years, static_cast<int>(date.year()));
}

TimeIntervals ReadTimeIntervals(YamlMap& map) {
  TimeIntervals intervals;
  for (const std::string_view key : {"time_intervals", "mute_time_intervals"}) {
    for (const YamlNode& node : ReadList(map, key)) {
      YamlMap keys(node, "time interval", map.diagnostics());
      keys.Require("name");
      const std::string name = keys.String("name").value_or("");
      if (intervals.contains(name)) {
        map.diagnostics().Add(node.where(),
                              fmt::format("time interval \"{}\" is defined twice", name));
      }
      std::vector<TimeInterval>& list = intervals[name];
      for (const YamlNode& interval : ReadList(keys, "time_intervals"))
        list.push_back(Reader(interval, map.diagnostics()).Read());
    }
  }
  return intervals;
}

}  // namespace tierwatch
