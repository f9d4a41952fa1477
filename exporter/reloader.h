// Takes changed rule files while the process runs: all of them, or none.
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
  /// `config` is what runs; `replace` takes other rules. Clock, logger and registry outlive it.
  Reloader(const Config& config, std::function<void(std::vector<RuleGroup>)> replace,
           const Clock& clock, Logger& logger, prometheus::Registry& registry);

  /// Reads the configuration file again, and the rule and signal files that it names. Where
  /// anything is wrong, or the configuration file itself is another one than at the start, nothing
  /// changes; the error has all findings, a line each.
  Result<void> Reload();
  /// Waits for no reload under way.
  ReloadStatus status() const;

 private:
  Result<void> Take();
  void TellLeftOut(const Diagnostics& left_out);

  const std::string file_;
  const std::string text_;
  const std::function<void(std::vector<RuleGroup>)> replace_;
  const Clock& clock_;
  Logger& logger_;
  std::mutex mutex_;
  prometheus::Gauge& successful_;
  prometheus::Gauge& success_time_;
  prometheus::Gauge& left_out_;
};

}  // namespace tierwatch
