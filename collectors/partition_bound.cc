#include "collectors/partition_bound.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>

namespace tierwatch {
namespace {

// 2000-01-01 00:00 UTC in Unix seconds.
constexpr std::int64_t kPostgresEpoch = 946'684'800;
constexpr std::int64_t kMicros = 1'000'000;

// Walks a text from left to right; every Take leaves the cursor alone where it fails.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : rest_(text) {}

  bool done() const { return rest_.empty(); }

  bool Take(std::string_view word) {
    if (!rest_.starts_with(word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }

  /// `least` to `most` digits.
  std::optional<std::int64_t> TakeNumber(std::size_t least, std::size_t most) {
    std::size_t length = 0;
    while (length < most && length < rest_.size() && rest_[length] >= '0' && rest_[length] <= '9') {
      ++length;
    }
    if (length < least) return std::nullopt;
    std::int64_t value = 0;
    const auto parsed = std::from_chars(rest_.data(), rest_.data() + length, value);
    if (parsed.ec != std::errc()) return std::nullopt;
    rest_.remove_prefix(length);
    return value;
  }

  /// 'quoted', with '' for a quote.
  std::optional<std::string> TakeQuoted() {
    if (!rest_.starts_with('\'')) return std::nullopt;
    std::string value;
    for (std::size_t i = 1; i < rest_.size(); ++i) {
      if (rest_[i] != '\'') {
        value += rest_[i];
      } else if (i + 1 < rest_.size() && rest_[i + 1] == '\'') {
        value += rest_[i++];
      } else {
        rest_.remove_prefix(i + 1);
        return value;
      }
    }
    return std::nullopt;
  }

  /// What stands before the next comma or closing parenthesis: a number, true, false.
  std::optional<std::string> TakeBare() {
    const std::size_t length = rest_.find_first_of(",()' ");
    if (length == 0 || length == std::string_view::npos) return std::nullopt;
    std::string value(rest_.substr(0, length));
    rest_.remove_prefix(length);
    return value;
  }

 private:
  std::string_view rest_;
};

std::optional<BoundValue> TakeValue(Cursor& cursor) {
  if (auto quoted = cursor.TakeQuoted()) return BoundValue{BoundValue::Kind::kLiteral, *quoted};
  auto bare = cursor.TakeBare();
  if (!bare) return std::nullopt;
  if (*bare == "NULL") return BoundValue{BoundValue::Kind::kNull, ""};
  if (*bare == "MINVALUE") return BoundValue{BoundValue::Kind::kMin, ""};
  if (*bare == "MAXVALUE") return BoundValue{BoundValue::Kind::kMax, ""};
  return BoundValue{BoundValue::Kind::kLiteral, *std::move(bare)};
}

std::optional<std::vector<BoundValue>> TakeList(Cursor& cursor) {
  if (!cursor.Take("(")) return std::nullopt;
  std::vector<BoundValue> values;
  do {
    auto value = TakeValue(cursor);
    if (!value) return std::nullopt;
    values.push_back(*std::move(value));
  } while (cursor.Take(", "));
  if (!cursor.Take(")")) return std::nullopt;
  return values;
}

std::optional<PartitionBound> TakeBound(Cursor& cursor) {
  PartitionBound bound;
  if (cursor.Take("DEFAULT")) return bound;
  if (!cursor.Take("FOR VALUES ")) return std::nullopt;
  if (cursor.Take("FROM ")) {
    bound.kind = PartitionBound::Kind::kRange;
    auto from = TakeList(cursor);
    if (!from || !cursor.Take(" TO ")) return std::nullopt;
    auto to = TakeList(cursor);
    if (!to || to->size() != from->size()) return std::nullopt;
    bound.from = *std::move(from);
    bound.to = *std::move(to);
    return bound;
  }
  if (cursor.Take("IN ")) {
    bound.kind = PartitionBound::Kind::kList;
    auto values = TakeList(cursor);
    if (!values) return std::nullopt;
    bound.values = *std::move(values);
    return bound;
  }
  if (!cursor.Take("WITH (modulus ")) return std::nullopt;
  bound.kind = PartitionBound::Kind::kHash;
  const auto modulus = cursor.TakeNumber(1, 9);
  if (!modulus || !cursor.Take(", remainder ")) return std::nullopt;
  const auto remainder = cursor.TakeNumber(1, 9);
  if (!remainder || !cursor.Take(")")) return std::nullopt;
  bound.modulus = static_cast<int>(*modulus);
  bound.remainder = static_cast<int>(*remainder);
  return bound;
}

// "2025-01-31", the year of four digits or more; 1 BC is the year 0.
std::optional<std::chrono::year_month_day> TakeDate(Cursor& cursor, bool before_christ) {
  const auto year = cursor.TakeNumber(4, 7);
  if (!year || !cursor.Take("-")) return std::nullopt;
  const auto month = cursor.TakeNumber(2, 2);
  if (!month || !cursor.Take("-")) return std::nullopt;
  const auto day = cursor.TakeNumber(2, 2);
  // std::chrono's years end at 32767: no bound that anyone watches lies beyond.
  if (!day || *year > 32'000 || *year == 0) return std::nullopt;
  const std::chrono::year_month_day date{
      std::chrono::year(static_cast<int>(before_christ ? 1 - *year : *year)),
      std::chrono::month(static_cast<unsigned>(*month)),
      std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  return date;
}

// " 13:45:00.25", in microseconds.
std::optional<std::int64_t> TakeTimeOfDay(Cursor& cursor) {
  if (!cursor.Take(" ")) return std::nullopt;
  const auto hour = cursor.TakeNumber(2, 2);
  if (!hour || *hour > 23 || !cursor.Take(":")) return std::nullopt;
  const auto minute = cursor.TakeNumber(2, 2);
  if (!minute || *minute > 59 || !cursor.Take(":")) return std::nullopt;
  const auto second = cursor.TakeNumber(2, 2);
  if (!second || *second > 59) return std::nullopt;
  std::int64_t micros = ((*hour * 60 + *minute) * 60 + *second) * kMicros;
  if (cursor.Take(".")) {
    std::int64_t unit = kMicros;
    for (int i = 0; i < 6; ++i) {
      const auto digit = cursor.TakeNumber(1, 1);
      if (!digit && i == 0) return std::nullopt;
      if (!digit) break;
      unit /= 10;
      micros += *digit * unit;
    }
  }
  return micros;
}

// "+02", "-03:30", "+00:19:32" or nothing, in microseconds.
std::optional<std::int64_t> TakeZone(Cursor& cursor) {
  const bool east = cursor.Take("+");
  if (!east && !cursor.Take("-")) return 0;
  std::int64_t seconds = 0;
  for (const int unit : {3600, 60, 1}) {
    if (unit != 3600 && !cursor.Take(":")) break;
    const auto number = cursor.TakeNumber(2, 2);
    if (!number || *number > 59) return std::nullopt;
    seconds += *number * unit;
  }
  return (east ? seconds : -seconds) * kMicros;
}

std::optional<BoundPosition> ParseTime(std::string_view text) {
  if (text == "infinity") return kUnboundedAbove;
  if (text == "-infinity") return kUnboundedBelow;
  const bool before_christ = text.ends_with(" BC");
  if (before_christ) text.remove_suffix(3);
  Cursor cursor(text);
  const auto date = TakeDate(cursor, before_christ);
  if (!date) return std::nullopt;
  std::int64_t micros = 0;
  if (!cursor.done()) {
    const auto time = TakeTimeOfDay(cursor);
    const auto zone = time ? TakeZone(cursor) : std::nullopt;
    if (!zone || !cursor.done()) return std::nullopt;
    micros = *time - *zone;
  }
  const std::int64_t days = std::chrono::sys_days(*date).time_since_epoch().count();
  return (days * 86'400 - kPostgresEpoch) * kMicros + micros;
}

std::optional<BoundPosition> ParseInteger(std::string_view text) {
  BoundPosition value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::optional<PartitionBound> ParsePartitionBound(std::string_view text) {
  Cursor cursor(text);
  auto bound = TakeBound(cursor);
  if (!cursor.done()) return std::nullopt;
  return bound;
}

KeyAxis AxisOfType(std::string_view type) {
  for (const std::string_view time :
       {"date", "timestamp without time zone", "timestamp with time zone"}) {
    if (type == time) return KeyAxis::kTime;
  }
  for (const std::string_view integer : {"smallint", "integer", "bigint"}) {
    if (type == integer) return KeyAxis::kInteger;
  }
  return KeyAxis::kUnknown;
}

std::optional<BoundPosition> PositionOf(KeyAxis axis, const BoundValue& value) {
  if (axis == KeyAxis::kUnknown || value.kind == BoundValue::Kind::kNull) return std::nullopt;
  if (value.kind == BoundValue::Kind::kMin) return kUnboundedBelow;
  if (value.kind == BoundValue::Kind::kMax) return kUnboundedAbove;
  return axis == KeyAxis::kTime ? ParseTime(value.text) : ParseInteger(value.text);
}

double UnixSeconds(BoundPosition time) {
  if (time == kUnboundedAbove) return std::numeric_limits<double>::infinity();
  if (time == kUnboundedBelow) return -std::numeric_limits<double>::infinity();
  return static_cast<double>(time) / kMicros + kPostgresEpoch;
}

std::optional<RangeCoverage> RangeCoverage::Of(KeyAxis axis,
                                               const std::vector<std::string>& bounds) {
  std::vector<Run> ranges;
  for (const std::string& text : bounds) {
    const auto bound = ParsePartitionBound(text);
    if (!bound) return std::nullopt;
    if (bound->kind == PartitionBound::Kind::kDefault) continue;
    if (bound->kind != PartitionBound::Kind::kRange || bound->from.size() != 1) return std::nullopt;
    const auto from = PositionOf(axis, bound->from.front());
    const auto to = PositionOf(axis, bound->to.front());
    if (!from || !to) return std::nullopt;
    ranges.push_back({*from, *to});
  }
  std::sort(ranges.begin(), ranges.end(),
            [](const Run& a, const Run& b) { return a.from < b.from; });
  RangeCoverage coverage;
  coverage.axis_ = axis;
  if (!ranges.empty()) coverage.oldest_upper_ = ranges.front().to;
  for (const Run& range : ranges) {
    if (coverage.runs_.empty() || range.from > coverage.runs_.back().to) {
      coverage.runs_.push_back(range);
    } else {
      coverage.runs_.back().to = std::max(coverage.runs_.back().to, range.to);
    }
  }
  return coverage;
}

RangeCoverage RangeCoverage::AsUnixTime(std::int64_t units_per_second) const {
  // What the time axis has no room for is unbounded: 290,000 years.
  const auto place = [units_per_second](BoundPosition key) -> BoundPosition {
    if (key == kUnboundedBelow || key == kUnboundedAbove) return key;
    const double micros =
        (static_cast<double>(key) / static_cast<double>(units_per_second) - kPostgresEpoch) *
        kMicros;
    if (std::abs(micros) >= 9e18) return micros > 0 ? kUnboundedAbove : kUnboundedBelow;
    return static_cast<BoundPosition>(std::llround(micros));
  };
  RangeCoverage times;
  times.axis_ = KeyAxis::kTime;
  for (const Run& run : runs_) times.runs_.push_back({place(run.from), place(run.to)});
  if (oldest_upper_) times.oldest_upper_ = place(*oldest_upper_);
  return times;
}

std::optional<BoundPosition> RangeCoverage::lower() const {
  if (runs_.empty()) return std::nullopt;
  return runs_.front().from;
}

std::optional<BoundPosition> RangeCoverage::upper() const {
  if (runs_.empty()) return std::nullopt;
  return runs_.back().to;
}

double RangeCoverage::RunwaySeconds(double now) const {
  for (const Run& run : runs_) {
    if (UnixSeconds(run.from) <= now && now < UnixSeconds(run.to)) return UnixSeconds(run.to) - now;
  }
  return 0;
}

double RangeCoverage::RunwayValues(std::optional<BoundPosition> highest) const {
  for (const Run& run : runs_) {
    if (highest && (*highest < run.from || *highest >= run.to)) continue;
    if (run.to == kUnboundedAbove) return std::numeric_limits<double>::infinity();
    const BoundPosition first = highest.value_or(run.from - 1);
    return static_cast<double>(run.to) - static_cast<double>(first) - 1;
  }
  return 0;
}

}  // namespace tierwatch
