#include "exporter/commands/rules_check_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "base/duration.h"
#include "exporter/commands/prometheus_client.h"
#include "exporter/config.h"
#include "exporter/metric_table.h"

namespace tierwatch {
namespace {

constexpr int kOk = 0, kWrong = 1, kUsage = 2;

Result<void> TakeServersMetrics(const std::string& url, MetricCatalog& catalog) {
  const Result<std::vector<std::string>> names = PrometheusClient(url).MetricNames();
  if (!names.ok()) return names.error();
  MetricFacts there;
  for (const std::string& name : *names) {
    const auto ours = catalog.metrics.find(name);
    there.emplace(name, ours == catalog.metrics.end() ? LabelFacts() : ours->second);
  }
  catalog.metrics = std::move(there);
  catalog.owned_prefix = "";
  catalog.unknown = url + " has no";
  catalog.unknown_is_error = false;  // it may come yet
  return {};
}

RuleText TextOf(const std::vector<std::string>& files) {
  std::map<std::string, std::string> texts;
  for (const std::string& file : files) {
    Result<std::string> text = ReadTextFile(file);
    if (text.ok()) texts.emplace(file, *std::move(text));
  }
  return RuleText(std::move(texts));
}

}  // namespace

MetricCatalog ExportedMetrics() {
  MetricCatalog catalog;
  catalog.owned_prefix = "tierwatch_";
  for (const MetricRow& row : AllMetrics()) {
    LabelFacts facts;
    for (const std::string_view label : row.info.labels) {
      if (!label.empty()) facts.Set(label, {Presence::kLikely, {}});
    }
    if (row.source != "self") {
      for (const char* label : {"service", "target"}) facts.Set(label, {Presence::kSure, {}});
    }
    const std::string name(row.info.name);
    if (row.info.type == prometheus::MetricType::Histogram) {
      for (const char* suffix : {"_sum", "_count"}) catalog.metrics.emplace(name + suffix, facts);
      facts.Set("le", {Presence::kSure, {}});
      catalog.metrics.emplace(name + "_bucket", std::move(facts));
    } else {
      catalog.metrics.emplace(name, std::move(facts));
    }
  }
  return catalog;
}

int CheckRulesCommand(const RuleFiles& rules, const RulesCheckOptions& options) {
  MetricCatalog catalog = ExportedMetrics();
  if (!options.interval.empty()) {
    const Result<Millis> interval = ParseDuration(options.interval);
    if (!interval.ok() || interval->count() <= 0) {
      fmt::print(stderr, "tierwatch: --interval: found \"{}\", expected a duration such as 15s\n",
                 options.interval);
      return kUsage;
    }
    catalog.sample_interval = *interval;
    catalog.interval_is_sure = true;
  }
  const auto groups = ReadRulesOrTell(rules);
  if (!groups) return kWrong;
  if (!options.url.empty()) {
    const Result<void> taken = TakeServersMetrics(options.url, catalog);
    if (!taken.ok()) {
      fmt::print(stderr, "tierwatch: {}\n", taken.error().message);
      return kUsage;
    }
  }
  RuleText text = TextOf(rules.files);
  const std::vector<RuleFinding> findings = CheckRules(*groups, catalog, text);
  for (const RuleFinding& finding : findings) fmt::print(stderr, "{}\n", finding.ToString());
  const auto errors = std::count_if(findings.begin(), findings.end(),
                                    [](const RuleFinding& finding) { return finding.is_error; });
  const auto warnings = static_cast<std::ptrdiff_t>(findings.size()) - errors;
  const bool wrong = errors > 0 || (options.lint_fatal && warnings > 0);
  fmt::print("{}: {}{}\n", wrong ? "wrong" : "ok", DescribeRules(*groups),
             findings.empty() ? "" : fmt::format("; {} errors, {} warnings", errors, warnings));
  return wrong ? kWrong : kOk;
}

}  // namespace tierwatch
