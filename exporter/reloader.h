// Takes a changed configuration while the process runs: all of it, or nothing.
#pragma once

#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <functional>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"
#include "base/result.h"
#include "exporter/config.h"

namespace tierwatch {

/// tierwatch_config_…, tierwatch_rule_files_left_out
std::span<const MetricInfo> ReloadMetrics();

/// What came of reading the configuration and the rules.
struct ReloadStatus {
  bool successful = true;    // what was last read runs
  TimestampMs taken_at = 0;  // when what runs was read
};

/// Thread-safe; one reload at a time.
class Reloader {
 public:
  /// `running` is what the process was started with; `apply` goes on with the targets, the rules
  /// and the alerting of another configuration. All but `apply` outlive it.
  Reloader(const Config& running, std::function<void(Config)> apply, const Clock& clock,
           Logger& logger, prometheus::Registry& registry);

  /// Reads the configuration file again, and all files that it names. Where anything is wrong
  /// nothing changes; the error has all findings, a line each, and names the keys that have changed
  /// and can't while the process runs: `web`, `storage`, and who we are to others.
  Result<void> Reload();
  /// Waits for no reload under way.
  ReloadStatus status() const;

 private:
  Result<void> Take();
  void TellLeftOut(const Diagnostics& left_out);

  const Config& running_;
  CollectorResources resources_;
  const std::function<void(Config)> apply_;
  const Clock& clock_;
  Logger& logger_;
  std::mutex mutex_;
  prometheus::Gauge& successful_;
  prometheus::Gauge& success_time_;
  prometheus::Gauge& left_out_;
};

}  // namespace tierwatch
