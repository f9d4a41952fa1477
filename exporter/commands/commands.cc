#include "exporter/commands/commands.h"

#include <fmt/format.h>
#include <pthread.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "alerts/promql/promqltest.h"
#include "alerts/rules/rule_export.h"
#include "base/duration.h"
#include "exporter/app.h"
#include "exporter/commands/backtest_command.h"
#include "exporter/commands/prometheus_client.h"
#include "exporter/commands/query_text.h"
#include "exporter/config.h"
#include "exporter/metric_table.h"
#include "exporter/process_signals.h"

namespace tierwatch {
namespace {

constexpr int kOk = 0, kWrong = 1, kUsage = 2;

std::optional<Config> ReadOrTell(const std::string& file) {
  CollectorResources resources;
  Diagnostics diagnostics;
  std::optional<Config> config = ReadConfigFile(file, resources, diagnostics);
  if (!config) fmt::print(stderr, "{}", diagnostics.ToString());
  return config;
}

}  // namespace

std::optional<std::vector<RuleGroup>> ReadRulesOrTell(const RuleFiles& rules) {
  Diagnostics diagnostics;
  std::vector<RuleGroup> groups = ReadRuleFiles(
      rules.files, rules.signals.empty() ? NeighbouringSignals(rules.files) : rules.signals, {},
      diagnostics);
  if (diagnostics.empty()) return groups;
  fmt::print(stderr, "{}", diagnostics.ToString());
  return std::nullopt;
}

std::string DescribeRules(const std::vector<RuleGroup>& groups) {
  std::size_t rules = 0;
  for (const RuleGroup& group : groups) rules += group.rules.size();
  return fmt::format("{} rules in {} groups", rules, groups.size());
}

int RunCommand(const std::string& config_file, Logger& logger) {
  const ProcessSignals signals;
  std::optional<Config> config = ReadOrTell(config_file);
  if (!config) return kWrong;
  const SystemClock clock;
  auto app = App::Start(*std::move(config), clock, logger);
  if (!app.ok()) {
    fmt::print(stderr, "tierwatch: {}\n", app.error().message);
    return kWrong;
  }
  int signal = signals.Wait();
  // What a reload finds is in the log.
  for (; signal == SIGHUP; signal = signals.Wait()) static_cast<void>((*app)->Reload());
  logger.Info("stopping", {{"signal", SignalName(signal)}});
  return kOk;
}

int CheckConfigCommand(const std::string& config_file) {
  const std::optional<Config> config = ReadOrTell(config_file);
  if (!config) return kWrong;
  fmt::print("{}: ok: {} targets, {}\n", config_file, config->targets.size(),
             DescribeRules(config->rules));
  return kOk;
}

int ExportRulesCommand(const RuleFiles& rules) {
  const auto groups = ReadRulesOrTell(rules);
  if (!groups) return kWrong;
  fmt::print("{}", ExportPrometheus(*groups));
  return kOk;
}

int TestPromqlCommand(const std::vector<std::string>& files, bool verbose) {
  int passed = 0, total = 0;
  bool all_read = true;
  for (const std::string& file : files) {
    const Result<std::string> text = ReadTextFile(file);
    if (!text.ok()) {
      fmt::print(stderr, "{}: {}\n", file, text.error().message);
      all_read = false;
      continue;
    }
    const promql::ScriptResult result =
        promql::RunScript(*text, std::filesystem::path(file).filename().string());
    fmt::print("{}\n", result.Summary());
    for (const promql::ScriptFailure& failure : result.failures) {
      if (verbose) fmt::print("  {}:{}: {}\n", file, failure.line, failure.reason);
    }
    passed += result.passed;
    total += result.total;
  }
  fmt::print("total: passed {} of {}\n", passed, total);
  return all_read && passed == total ? kOk : kWrong;
}

namespace {

struct QueryRange {
  TimestampMs from = 0;
  TimestampMs to = 0;
  Millis step{0};
};

// What is not said: until now, from 5 minutes before, in 250 steps of whole seconds.
Result<QueryRange> ReadRange(const QueryCommandOptions& options, TimestampMs now) {
  constexpr Millis kUsualSpan{300'000};
  constexpr std::int64_t kUsualSteps = 250;
  QueryRange range;
  const Result<TimestampMs> to = ParseTime(options.end.empty() ? "now" : options.end, now);
  if (!to.ok()) return Error(to.error()).In("--end");
  range.to = *to;
  const Result<TimestampMs> from = options.start.empty()
                                       ? Result<TimestampMs>(range.to - kUsualSpan.count())
                                       : ParseTime(options.start, now);
  if (!from.ok()) return Error(from.error()).In("--start");
  range.from = *from;
  if (range.to < range.from) {
    return Error{fmt::format("--end ({}) is before --start ({})", FormatTimestamp(range.to),
                             FormatTimestamp(range.from))};
  }
  const std::int64_t seconds = (range.to - range.from) / 1000 / kUsualSteps;
  const Result<Millis> step =
      options.step.empty() ? Result<Millis>(Millis(1000 * std::max<std::int64_t>(1, seconds)))
                           : ParseDuration(options.step);
  if (!step.ok() || step->count() <= 0) {
    return Error{
        fmt::format("--step: found \"{}\", expected a duration such as 15s", options.step)};
  }
  range.step = *step;
  return range;
}

}  // namespace

int QueryCommand(const QueryCommandOptions& options, const std::string& url) {
  PrometheusClient client(url);
  Result<std::string> answer = Error{};
  if (options.start.empty() && options.end.empty() && options.step.empty()) {
    answer = client.Query(options.expr);
  } else {
    const Result<QueryRange> range = ReadRange(options, SystemClock().Now());
    if (!range.ok()) {
      fmt::print(stderr, "tierwatch: {}\n", range.error().message);
      return kUsage;
    }
    answer = client.QueryRange(options.expr, range->from, range->to, range->step);
  }
  if (answer.ok()) {
    answer = FormatQueryAnswer(*answer);
    if (!answer.ok()) answer = std::move(answer).error().In(url + ": HTTP 200");
  }
  if (!answer.ok()) {
    fmt::print(stderr, "tierwatch: {}\n", answer.error().message);
    return kWrong;
  }
  fmt::print("{}", *answer);
  return kOk;
}

int MetricsCommand(bool markdown) {
  fmt::print("{}", markdown ? MetricTableMarkdown() : MetricTableText());
  return kOk;
}

}  // namespace tierwatch
