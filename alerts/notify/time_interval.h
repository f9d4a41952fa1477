// Times of day, week, month and year, during which routes are muted or active.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/time_zone.h"
#include "base/yaml.h"

namespace tierwatch {

/// Both ends belong to it.
struct NumberRange {
  int first = 0;
  int last = 0;
};

/// Every list that is not empty must hold the time. Source of the semantics:
/// alertmanager/timeinterval.
struct TimeInterval {
  std::vector<NumberRange> minutes;        // of the day
  std::vector<NumberRange> weekdays;       // 0 = Sunday
  std::vector<NumberRange> days_of_month;  // from 1; negative ones from its end, -1 the last
  std::vector<NumberRange> months;         // from 1
  std::vector<NumberRange> years;
  TimeZone location;

  bool Holds(TimestampMs time) const;
};

using TimeIntervals = std::map<std::string, std::vector<TimeInterval>, std::less<>>;

/// Reads `time_intervals` and, by its old name, `mute_time_intervals`.
TimeIntervals ReadTimeIntervals(YamlMap& map);

}  // namespace tierwatch
