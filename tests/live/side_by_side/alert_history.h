// What a server has said of its alerts, evaluation by evaluation: by its series ALERTS and
// ALERTS_FOR_STATE.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "exporter/commands/prometheus_client.h"

namespace tierwatch {

/// The first evaluation at which an alert was in a state.
struct AlertChange {
  std::string state;  // inactive, pending, firing
  TimestampMs at = 0;
  double active_since = 0;  // what ALERTS_FOR_STATE says, in seconds; 0 while inactive
};

struct GroupSlots {
  Millis interval{0};
  std::vector<TimestampMs> times;  // of its evaluations
  /// Evaluations that there would have been in the time between.
  std::size_t Missed() const;
};

struct AlertHistory {
  std::map<std::string, GroupSlots> groups;
  std::map<std::string, std::vector<AlertChange>> alerts;  // by their labels
};

/// The group of each alert's name, and how often each group is evaluated; recording rules count.
struct AlertGroups {
  std::size_t rules = 0;
  std::map<std::string, std::string> of_alert;
  std::map<std::string, Millis> intervals;
};
AlertGroups ReadAlertGroups(const std::string& url);

/// From `from` to `to`, both included. Each group has an alert Evaluated{group="…"} that always
/// fires. What can't be read, or an alert in no evaluation of its group, fails the test.
AlertHistory ReadAlertHistory(const std::string& url, const AlertGroups& groups, TimestampMs from,
                              TimestampMs to);

}  // namespace tierwatch
