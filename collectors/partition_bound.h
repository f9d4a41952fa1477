// The bounds of partitions: PostgreSQL's text of them, their place on the key's axis, and what they
// cover together.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tierwatch {

/// One value of a range bound or of an IN list.
struct BoundValue {
  enum class Kind { kLiteral, kNull, kMin, kMax };
  Kind kind = Kind::kLiteral;
  std::string text;  // of a literal, quotes taken off
  bool operator==(const BoundValue&) const = default;
};

struct PartitionBound {
  enum class Kind { kDefault, kRange, kList, kHash };
  Kind kind = Kind::kDefault;
  std::vector<BoundValue> from,
      to;  // kRange: one value for each column of the key; `to` is exclusive
  std::vector<BoundValue> values;  // kList
  int modulus = 0, remainder = 0;  // kHash
  bool operator==(const PartitionBound&) const = default;
};

/// Parses what pg_get_expr(relpartbound, 0) says, in PostgreSQL 12 to 18: `DEFAULT`,
/// `FOR VALUES FROM ('2025-01-01') TO (MAXVALUE)`, `FOR VALUES IN ('a', NULL)`,
/// `FOR VALUES WITH (modulus 4, remainder 0)`. nullopt for anything else.
std::optional<PartitionBound> ParsePartitionBound(std::string_view text);

/// A place on the axis of a key: microseconds since 2000-01-01 00:00 UTC (PostgreSQL's own scale)
/// for date, timestamp and timestamptz; the number itself for integers.
using BoundPosition = std::int64_t;
inline constexpr BoundPosition kUnboundedBelow = std::numeric_limits<BoundPosition>::min();
inline constexpr BoundPosition kUnboundedAbove = std::numeric_limits<BoundPosition>::max();

enum class KeyAxis { kUnknown, kTime, kInteger };

/// The axis of a type as format_type() writes it: "timestamp with time zone", "date", "bigint".
KeyAxis AxisOfType(std::string_view type);

/// Where a value lies; MINVALUE, MAXVALUE, infinity and -infinity are unbounded. A timestamp
/// without time zone counts as UTC. Dates are in ISO style. nullopt for what can't be placed
/// exactly: never a guess.
std::optional<BoundPosition> PositionOf(KeyAxis axis, const BoundValue& value);

/// Seconds since the Unix epoch; infinite where unbounded.
double UnixSeconds(BoundPosition time);

/// What the range partitions of one table cover: ranges that touch are one. Immutable.
class RangeCoverage {
 public:
  /// From the texts of all bounds of a table, DEFAULT among them or not. nullopt where one can't be
  /// placed, or is of more than one column: then nothing is known for sure.
  static std::optional<RangeCoverage> Of(KeyAxis axis, const std::vector<std::string>& bounds);

  /// The same ranges of an integer key that counts time since the Unix epoch, on the time axis.
  RangeCoverage AsUnixTime(std::int64_t units_per_second) const;

  KeyAxis axis() const { return axis_; }
  /// Holes between the lowest and the highest bound.
  std::size_t gaps() const { return runs_.empty() ? 0 : runs_.size() - 1; }
  std::optional<BoundPosition> lower() const;
  std::optional<BoundPosition> upper() const;
  /// Where the partition of the lowest bound ends.
  std::optional<BoundPosition> oldest_upper() const { return oldest_upper_; }
  /// On a time axis: seconds from `now` (Unix seconds) to the end of the run that holds it: until
  /// then, rows of the present have a partition. 0 where not even `now` has one, infinite where
  /// nothing ends it.
  double RunwaySeconds(double now) const;
  /// On an integer axis: keys above `highest` until one has no partition; without `highest`, all of
  /// the first run. 0 where `highest` itself has none, infinite where nothing ends the run.
  double RunwayValues(std::optional<BoundPosition> highest) const;

 private:
  struct Run {
    BoundPosition from, to;
  };
  KeyAxis axis_ = KeyAxis::kUnknown;
  std::vector<Run> runs_;  // rising, not touching
  std::optional<BoundPosition> oldest_upper_;
};

}  // namespace tierwatch
