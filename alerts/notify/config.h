// The `alerting:` section: Alertmanager's configuration, its own keys and meanings.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "alerts/notify/heartbeat.h"
#include "alerts/notify/inhibitor.h"
#include "alerts/notify/route.h"
#include "alerts/notify/time_interval.h"
#include "alerts/receivers/integration.h"
#include "base/yaml.h"

namespace tierwatch {

/// Without integrations, a receiver swallows what it gets: Alertmanager's way to mute a route.
struct Receiver {
  std::string name;
  std::size_t rate_limit = 0;  // requests of an integration in `rate_interval`; 0 = no limit
  Millis rate_interval{60'000};
  int concurrency = 8;  // requests of an integration under way at once; one that hangs costs 1/8
  std::vector<std::shared_ptr<Integration>> integrations;
  std::vector<std::shared_ptr<Integration>> alertmanagers;  // each told of every alert as it comes
};

/// Immutable. Without a route nobody is told anything.
struct NotifyConfig {
  std::string source;  // all that it was read from, templates too: the same where nothing changed
  std::shared_ptr<const Route> route;
  std::vector<Receiver> receivers;
  std::optional<HeartbeatConfig> heartbeat;  // tierwatch's own
  std::vector<InhibitRule> inhibit_rules;
  TimeIntervals time_intervals;
  /// Where a chart of an alert is, told as its annotation `chart_url`; "" = nowhere. May be empty.
  std::function<std::string(const Alert&, TimestampMs now)> chart_url;
  Millis resolve_timeout{300'000};  // of alerts of other processes that don't say when they end
};

/// Reads the section; every finding is added with its place. What Alertmanager knows and tierwatch
/// does not do yet is refused by name.
NotifyConfig ReadNotifyConfig(const YamlNode& node, Diagnostics& diagnostics);

}  // namespace tierwatch
