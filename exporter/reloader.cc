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

// What has changed of that which can't, a line each.
std::string ChangedForGood(const Config& running, const Config& read) {
  const std::pair<const char*, bool> keys[] = {
      {"global.external_labels", running.external_labels != read.external_labels},
      {"global.external_url", running.external_url != read.external_url},
      {"global.self_labels", running.self_labels != read.self_labels},
      {"global.outage_counts", running.outage_counts != read.outage_counts},
      {"storage.path", running.storage_path != read.storage_path},
      {"storage.retention", running.retention != read.retention},
      {"storage.max_bytes", running.max_bytes != read.max_bytes},
      {"web.listen_address", running.web.listen_address != read.web.listen_address},
      {"web.max_connections", running.web.max_connections != read.web.max_connections},
      {"web.charts", running.charts != read.charts},
      {"web.remote_write", running.remote_write != read.remote_write},
  };
  std::string text;
  for (const auto& [key, changed] : keys) {
    if (changed) text += read.file + ": " + key + " has changed: restart to apply it\n";
  }
  return text;
}

}  // namespace

std::span<const MetricInfo> ReloadMetrics() { return kMetrics; }

Reloader::Reloader(const Config& running, std::function<void(Config)> apply, const Clock& clock,
                   Logger& logger, prometheus::Registry& registry)
    : running_(running),
      resources_(running.resources),
      apply_(std::move(apply)),
      clock_(clock),
      logger_(logger),
      successful_(GaugeFamily(kSuccessful, registry).Add({})),
      success_time_(GaugeFamily(kSuccessTime, registry).Add({})),
      left_out_(GaugeFamily(kLeftOut, registry).Add({})) {
  successful_.Set(1);
  success_time_.Set(static_cast<double>(clock_.Now()) / 1000);
  TellLeftOut(running.left_out);
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
    logger_.Info("the configuration was reloaded");
  } else {
    logger_.Error("reload refused; what ran runs on", {{"error", taken.error().message}});
  }
  return taken;
}

ReloadStatus Reloader::status() const {
  return {successful_.Value() != 0, std::llround(success_time_.Value() * 1000)};
}

Result<void> Reloader::Take() {
  if (running_.file.empty()) return Error{"there is no configuration file"};
  Diagnostics diagnostics;
  std::optional<Config> config = ReadConfigFile(running_.file, resources_, diagnostics);
  if (!config) return Error{diagnostics.ToString()};
  if (std::string changed = ChangedForGood(running_, *config); !changed.empty())
    return Error{std::move(changed)};
  const Diagnostics left_out = std::move(config->left_out);
  apply_(*std::move(config));
  TellLeftOut(left_out);
  return {};
}

}  // namespace tierwatch
