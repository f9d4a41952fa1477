// The dead man's switch: a request at an interval, as long as all is well. Who gets it pages when
// it stays away: nobody else can tell that tierwatch itself is dead.
#pragma once

#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/http_client.h"
#include "base/log.h"
#include "base/metric.h"
#include "base/yaml.h"

namespace tierwatch {

struct HeartbeatConfig {
  Secret url;
  Millis interval{60'000};
  HttpOptions http;
};

/// Reads `heartbeat: {url | url_file, interval, http_config}`.
HeartbeatConfig ReadHeartbeat(const YamlNode& node, const HttpOptions& global_http,
                              Diagnostics& diagnostics);

std::span<const MetricInfo> HeartbeatMetrics();

/// Beats on a thread of its own, from construction to destruction.
class Heartbeat {
 public:
  /// `ailment` says what does not work, "" where all does; it is asked before every beat;
  /// `last_success` is of a heartbeat before this one. All that is referred to must outlive it.
  Heartbeat(HeartbeatConfig config, std::function<std::string()> ailment, const Clock& clock,
            Logger& logger, prometheus::Registry& registry, double last_success = 0);
  /// A heartbeat that has ended shows no last beat.
  ~Heartbeat();
  /// In seconds; 0 where it was never answered.
  double last_success() const { return last_.Value(); }

 private:
  void Run(const std::stop_token& stop);
  std::string Beat(const std::stop_token& stop);

  const HeartbeatConfig config_;
  const std::function<std::string()> ailment_;
  const Clock& clock_;
  Logger& logger_;
  prometheus::Family<prometheus::Gauge>& family_;
  prometheus::Gauge& last_;
  HttpClient client_;
  std::jthread thread_;
};

}  // namespace tierwatch
