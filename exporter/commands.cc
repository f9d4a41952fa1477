#include "exporter/commands.h"

#include <fmt/format.h>
#include <pthread.h>

#include <cctype>
#include <cstdio>
#include <filesystem>

#include "alerts/promql/promqltest.h"
#include "alerts/rules/rule_export.h"
#include "base/http_client.h"
#include "exporter/app.h"
#include "exporter/config.h"
#include "exporter/metric_table.h"
#include "exporter/process_signals.h"
#include "exporter/query_text.h"

namespace tierwatch {
namespace {

constexpr int kOk = 0, kWrong = 1;

std::optional<Config> ReadOrTell(const std::string& file) {
  CollectorResources resources;
  Diagnostics diagnostics;
  std::optional<Config> config = ReadConfigFile(file, resources, diagnostics);
  if (!config) fmt::print(stderr, "{}", diagnostics.ToString());
  return config;
}

std::string Describe(const std::vector<RuleGroup>& groups) {
  std::size_t rules = 0;
  for (const RuleGroup& group : groups) rules += group.rules.size();
  return fmt::format("{} rules in {} groups", rules, groups.size());
}

std::optional<std::vector<RuleGroup>> ReadRulesOrTell(const RuleFiles& rules) {
  Diagnostics diagnostics;
  std::vector<RuleGroup> groups = ReadRuleFiles(
      rules.files, rules.signals.empty() ? NeighbouringSignals(rules.files) : rules.signals, {},
      diagnostics);
  if (diagnostics.empty()) return groups;
  fmt::print(stderr, "{}", diagnostics.ToString());
  return std::nullopt;
}

std::string EncodeForm(std::string_view text) {
  std::string out;
  for (const unsigned char c : text) {
    if (std::isalnum(c) || c == '-' || c == '_' || c == '.') {
      out += static_cast<char>(c);
    } else {
      out += fmt::format("%{:02X}", c);
    }
  }
  return out;
}

Result<std::string> AskServer(const std::string& expr, const std::string& url) {
  HttpRequest request;
  request.method = "POST";
  request.url = url + (url.ends_with("/") ? "" : "/") + "api/v1/query";
  request.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
  request.body = "query=" + EncodeForm(expr);
  request.timeout = Millis(60'000);
  const Result<HttpResponse> response = HttpClient({}).Send(request);
  if (!response.ok()) return Error(response.error()).In(url);
  Result<std::string> answer = FormatQueryAnswer(response->body);
  if (answer.ok()) return answer;
  return std::move(answer).error().In(fmt::format("{}: HTTP {}", url, response->status));
}

}  // namespace

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
  for (; signal == SIGHUP; signal = signals.Wait()) {
    logger.Warn("reloading on SIGHUP is not supported yet; restart to apply a new configuration");
  }
  logger.Info("stopping", {{"signal", SignalName(signal)}});
  return kOk;
}

int CheckConfigCommand(const std::string& config_file) {
  const std::optional<Config> config = ReadOrTell(config_file);
  if (!config) return kWrong;
  fmt::print("{}: ok: {} targets, {}\n", config_file, config->targets.size(),
             Describe(config->rules));
  return kOk;
}

int CheckRulesCommand(const RuleFiles& rules) {
  const auto groups = ReadRulesOrTell(rules);
  if (!groups) return kWrong;
  fmt::print("ok: {}\n", Describe(*groups));
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

int QueryCommand(const std::string& expr, const std::string& url) {
  const Result<std::string> answer = AskServer(expr, url);
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
