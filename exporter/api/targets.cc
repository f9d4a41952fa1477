#include "exporter/api/targets.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <map>
#include <set>

#include "alerts/promql/promql.h"
#include "alerts/series/matcher.h"
#include "base/duration.h"
#include "exporter/api/envelope.h"
#include "exporter/api/parameters.h"
#include "exporter/metric_table.h"

namespace tierwatch::api {
namespace {

using Targets = std::vector<TargetStatus>;

void WriteTarget(JsonWriter& json, const TargetStatus& target) {
  const std::string interval = FormatDuration(target.interval);
  const std::string timeout = FormatDuration(target.timeout);
  const std::string_view address = target.labels.Get("target");
  const bool bad = target.sampled && !target.errors.empty();
  json.BeginObject();
  json.Key("discoveredLabels");
  json.LabelSet({{"__address__", std::string(address)},
                 {"__scrape_interval__", interval},
                 {"__scrape_timeout__", timeout},
                 {"job", target.collector}});
  json.Key("labels").LabelSet(target.labels);
  json.Key("scrapePool").String(target.collector);
  json.Key("scrapeUrl").String(address).Key("globalUrl").String(address);
  json.Key("lastError").String(bad ? target.errors.front().message : "");
  json.Key("lastScrape").Time(target.last_sampled);
  json.Key("lastScrapeDuration").Number(target.last_duration_seconds);
  json.Key("health").String(!target.sampled ? "unknown" : target.up ? "up" : "down");
  json.Key("scrapeInterval").String(interval).Key("scrapeTimeout").String(timeout);
  json.EndObject();
}

Targets Sorted(Targets targets) {
  std::stable_sort(targets.begin(), targets.end(),
                   [](const auto& a, const auto& b) { return a.collector < b.collector; });
  return targets;
}

std::set<std::string> Pools(const Targets& targets) {
  std::set<std::string> pools;
  for (const TargetStatus& target : targets) pools.insert(target.collector);
  return pools;
}

Result<Answer> AnswerTargets(const Targets& targets, const ServerRequest& request) {
  const std::string state = ReadWord(request, "state");
  const std::string pool = request.Parameter("scrapePool").value_or("");
  Answer answer;
  JsonWriter& json = answer.data.BeginObject();
  json.Key("activeTargets").BeginArray();
  if (state.empty() || state == "any" || state == "active") {
    for (const TargetStatus& target : targets) {
      if (pool.empty() || pool == target.collector) WriteTarget(json, target);
    }
  }
  json.EndArray().Key("droppedTargets").BeginArray().EndArray();
  json.Key("droppedTargetCounts");
  if (state.empty() || state == "any" || state == "dropped") {
    json.BeginObject();
    for (const std::string& each : Pools(targets)) json.Key(each).Integer(0);
    json.EndObject();
  } else {
    json.Null();
  }
  json.EndObject();
  return answer;
}

Result<Answer> AnswerScrapePools(const Targets& targets) {
  Answer answer;
  answer.data.BeginObject().Key("scrapePools").BeginArray();
  for (const std::string& pool : Pools(targets)) answer.data.String(pool);
  answer.data.EndArray().EndObject();
  return answer;
}

JsonWriter& WriteMetadata(JsonWriter& json, const MetricInfo& info) {
  json.Key("type").String(MetricTypeName(info.type)).Key("help").String(info.help);
  return json.Key("unit").String("");
}

// A limit, of which negative numbers are none.
Result<std::size_t> ReadNumber(const ServerRequest& request, std::string_view name) {
  const std::string text = request.Parameter(name).value_or("");
  if (text.empty()) return std::numeric_limits<std::size_t>::max();
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size())
    return BadData(fmt::format("{} must be a number", name));
  return number < 0 ? std::numeric_limits<std::size_t>::max() : static_cast<std::size_t>(number);
}

// Every metric is declared once, so there is one piece of metadata for each.
Result<Answer> AnswerMetadata(const Targets& targets, const ServerRequest& request) {
  const Result<std::size_t> limit = ReadNumber(request, "limit");
  if (!limit.ok()) return limit.error();
  // Nothing has more than one, and 0 is no limit here.
  const Result<std::size_t> per_metric = ReadNumber(request, "limit_per_metric");
  if (!per_metric.ok()) return per_metric.error();
  const std::string metric = request.Parameter("metric").value_or("");
  std::set<std::string_view> sources{"self"};
  for (const TargetStatus& target : targets) sources.insert({target.collector, "targets"});
  std::map<std::string_view, MetricInfo> chosen;
  for (const MetricRow& row : AllMetrics()) {
    if (!sources.contains(row.source)) continue;
    if (metric.empty() || metric == row.info.name) chosen.emplace(row.info.name, row.info);
  }
  Answer answer;
  answer.data.BeginObject();
  std::size_t written = 0;
  for (const auto& [name, info] : chosen) {
    if (written++ >= *limit) break;
    answer.data.Key(name).BeginArray();
    WriteMetadata(answer.data.BeginObject(), info).EndObject().EndArray();
  }
  answer.data.EndObject();
  return answer;
}

Result<Answer> AnswerTargetMetadata(const Targets& targets, const ServerRequest& request) {
  const Result<std::size_t> limit = ReadNumber(request, "limit");
  if (!limit.ok()) return limit.error();
  std::vector<series::Matcher> matchers;
  if (const std::string text = request.Parameter("match_target").value_or(""); !text.empty()) {
    auto parsed = promql::ParseSelector(text);
    if (!parsed.ok()) return BadParameter("match_target", parsed.error().message);
    matchers = *std::move(parsed);
  }
  const std::string metric = request.Parameter("metric").value_or("");
  const std::vector<MetricRow> rows = AllMetrics();
  Answer answer;
  answer.data.BeginArray();
  std::size_t written = 0;
  for (const TargetStatus& target : targets) {
    const bool matches = std::all_of(matchers.begin(), matchers.end(), [&](const auto& matcher) {
      return matcher.Matches(target.labels.Get(matcher.name()));
    });
    if (!matches) continue;
    if (written >= *limit) break;  // as in Prometheus, a target that was begun is told whole
    for (const MetricRow& row : rows) {
      if (row.source != target.collector && row.source != "targets") continue;
      if (!metric.empty() && metric != row.info.name) continue;
      ++written;
      answer.data.BeginObject().Key("target").LabelSet(target.labels);
      if (metric.empty()) answer.data.Key("metric").String(row.info.name);
      WriteMetadata(answer.data, row.info).EndObject();
    }
    if (answer.data.size() > kLongestAnswer) return TooLong();
  }
  answer.data.EndArray();
  return answer;
}

Result<Answer> AnswerStatements(const Targets& targets, const ServerRequest& request) {
  const auto wanted = [&request](const char* name, const std::string& value) {
    const std::string parameter = request.Parameter(name).value_or("");
    return parameter.empty() || parameter == value;
  };
  Answer answer;
  answer.data.BeginArray();
  for (const TargetStatus& target : targets) {
    if (!target.statement_texts) continue;
    for (const StatementText& statement : *target.statement_texts) {
      if (!wanted("database", statement.database) || !wanted("queryid", statement.queryid)) {
        continue;
      }
      answer.data.BeginObject().Key("target").LabelSet(target.labels);
      answer.data.Key("database").String(statement.database);
      answer.data.Key("queryid").String(statement.queryid);
      answer.data.Key("text").String(statement.text).EndObject();
    }
    if (answer.data.size() > kLongestAnswer) return TooLong();
  }
  answer.data.EndArray();
  return answer;
}

}  // namespace

std::vector<Endpoint> TargetEndpoints(std::function<Targets()> targets) {
  return {
      OnGet("targets", [targets](const auto& r) { return AnswerTargets(Sorted(targets()), r); }),
      OnGet("scrape_pools", [targets](const auto&) { return AnswerScrapePools(targets()); }),
      OnGet("metadata", [targets](const auto& r) { return AnswerMetadata(targets(), r); }),
      OnGet("targets/metadata",
            [targets](const auto& r) { return AnswerTargetMetadata(Sorted(targets()), r); }),
      OnGet("statements",
            [targets](const auto& r) { return AnswerStatements(Sorted(targets()), r); }),
  };
}

}  // namespace tierwatch::api
