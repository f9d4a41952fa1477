#include "exporter/reloader.h"

#include <cmath>
#include <set>
#include <utility>

#include "base/instruments.h"

namespace tierwatch {
namespace {

using prometheus::MetricType;

constexpr MetricInfo kSuccessful{
    "tierwatch_config_last_reload_successful", MetricType::Gauge,
    "1 if what was last read of the configuration and the rules runs, else 0."};
constexpr MetricInfo kSuccessTime{"tierwatch_config_last_reload_success_timestamp_seconds",
                                  MetricType::Gauge, "When what runs was read."};
constexpr MetricInfo kLeftOut{"tierwatch_rule_files_left_out", MetricType::Gauge,
                              "Rule files with mistakes that are left out (rule_isolation: file)."};
constexpr MetricInfo kMetrics[] = {kSuccessful, kSuccessTime, kLeftOut};

}  // namespace

std::span<const MetricInfo> ReloadMetrics() { return kMetrics; }

Reloader::Reloader(const Config& config, std::function<void(std::vector<RuleGroup>)> replace,
                   const Clock& clock, Logger& logger, prometheus::Registry& registry)
    : file_(config.file),
      text_(config.text),
      replace_(std::move(replace)),
      clock_(clock),
      logger_(logger),
      successful_(GaugeFamily(kSuccessful, registry).Add({})),
      success_time_(GaugeFamily(kSuccessTime, registry).Add({})),
      left_out_(GaugeFamily(kLeftOut, registry).Add({})) {
  successful_.Set(1);
  success_time_.Set(static_cast<double>(clock_.Now()) / 1000);
  TellLeftOut(config.left_out);
}

void Reloader::TellLeftOut(const Diagnostics& left_out) {
  std::set<std::string> files;
  for (const Diagnostic& finding : left_out.list()) {
    files.insert(finding.where.file);
    logger_.Error("a rule file is left out", {{"finding", finding.ToString()}});
  }
  left_out_.Set(static_cast<double>(files.size()));
}

Result<void> Reloader::Reload() {
  const std::lock_guard lock(mutex_);
  Result<void> taken = Take();
  successful_.Set(taken.ok() ? 1 : 0);
  if (taken.ok()) {
    success_time_.Set(static_cast<double>(clock_.Now()) / 1000);
    logger_.Info("rules were reloaded");
  } else {
    logger_.Error("reload refused; what ran runs on", {{"error", taken.error().message}});
  }
  return taken;
}

ReloadStatus Reloader::status() const {
  return {successful_.Value() != 0, std::llround(success_time_.Value() * 1000)};
}

Result<void> Reloader::Take() {
  if (file_.empty()) return Error{"there is no configuration file"};
  CollectorResources resources;
  Diagnostics diagnostics;
  std::optional<Config> config = ReadConfigFile(file_, resources, diagnostics);
  if (!config) return Error{diagnostics.ToString()};
  if (config->text != text_) {
    return Error{file_ +
                 ": the configuration file itself has changed: restart to apply it; a reload takes "
                 "changes of rule and signal files"};
  }
  replace_(std::move(config->rules));
  TellLeftOut(config->left_out);
  return {};
}

}  // namespace tierwatch
