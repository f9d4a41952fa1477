#include "exporter/api/status.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <thread>

#include "base/duration.h"
#include "build_info.inc"
#include "exporter/api/envelope.h"
#include "exporter/api/parameters.h"

namespace tierwatch::api {
namespace {

// One object of texts.
Answer Texts(std::initializer_list<std::pair<std::string_view, std::string>> texts) {
  Answer answer;
  answer.data.BeginObject();
  for (const auto& [key, text] : texts) answer.data.Key(key).String(text);
  answer.data.EndObject();
  return answer;
}

Answer EmptyList() {
  Answer answer;
  answer.data.BeginArray().EndArray();
  return answer;
}

std::string Retention(const Setup& setup) {
  return setup.retention.count() == 0 ? "for ever" : FormatDuration(setup.retention);
}

Answer BuildInfo() {
  return Texts({{"version", std::string(kPrometheusVersion)},
                {"revision", TIERWATCH_REVISION},
                {"branch", "tierwatch " TIERWATCH_VERSION},
                {"buildUser", ""},
                {"buildDate", ""},
                {"goVersion", ""}});
}

Answer Flags(const StatusSource& source) {
  const promql::EngineOptions& options = source.engine.options();
  return Texts({{"query.lookback-delta", FormatDuration(options.lookback)},
                {"query.max-concurrency", "20"},
                {"query.max-samples", std::to_string(options.max_samples)},
                {"query.timeout", "2m"},
                {"storage.tsdb.retention.time", Retention(source.setup)},
                {"web.external-url", source.setup.external_url},
                {"web.listen-address", source.setup.listen_address}});
}

std::string HostName() {
  char name[256] = {};
  return ::gethostname(name, sizeof name - 1) == 0 ? name : "";
}

Answer RuntimeInfo(const StatusSource& source) {
  std::error_code error;
  const ReloadStatus reloads = source.reloads();
  const auto threads = static_cast<std::int64_t>(std::thread::hardware_concurrency());
  Answer answer;
  answer.data.BeginObject();
  answer.data.Key("startTime").String(FormatTimestamp(source.setup.started));
  answer.data.Key("CWD").String(std::filesystem::current_path(error).string());
  answer.data.Key("hostname").String(HostName());
  answer.data.Key("serverTime").String(FormatTimestamp(source.clock.Now()));
  answer.data.Key("reloadConfigSuccess").Bool(reloads.successful);
  answer.data.Key("lastConfigTime").String(FormatTimestamp(reloads.taken_at));
  answer.data.Key("corruptionCount").Integer(0);
  answer.data.Key("goroutineCount").Integer(0);
  answer.data.Key("GOMAXPROCS").Integer(threads);
  answer.data.Key("GOMEMLIMIT").Integer(0);
  answer.data.Key("GOGC").String("").Key("GODEBUG").String("");
  answer.data.Key("storageRetention").String(Retention(source.setup)).EndObject();
  return answer;
}

Answer ShownConfig(const StatusSource& source) {
  std::string yaml = fmt::format("global:\n  evaluation_interval: {}\n",
                                 FormatDuration(source.setup.evaluation_interval));
  if (!source.setup.external_labels.empty()) yaml += "  external_labels:\n";
  for (const Label& label : source.setup.external_labels)
    yaml += fmt::format("    {}: {}\n", label.name, Quote(label.value));
  std::set<std::string> files;
  for (const GroupStatus& group : source.groups()) files.insert(group.file);
  if (!files.empty()) yaml += "rule_files:\n";
  for (const std::string& file : files) yaml += fmt::format("- {}\n", Quote(file));
  std::map<std::string, std::string> pools;
  for (const TargetStatus& target : source.targets()) {
    pools[target.collector] +=
        fmt::format("- targets: [{}]\n  labels: {{service: {}}}\n",
                    Quote(target.labels.Get("target")), Quote(target.labels.Get("service")));
  }
  if (!pools.empty()) yaml += "collectors:\n";
  for (const auto& [collector, targets] : pools)
    yaml += fmt::format("  {}:\n{}", collector, targets);
  return Texts({{"yaml", yaml}});
}

using Counts = std::map<std::string, std::uint64_t, std::less<>>;

// The largest counts first; of equal ones, by name.
void WriteLargest(JsonWriter& json, std::string_view key, const Counts& counts, std::size_t limit) {
  std::vector<std::pair<std::string_view, std::uint64_t>> sorted(counts.begin(), counts.end());
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  if (sorted.size() > limit) sorted.resize(limit);
  json.Key(key).BeginArray();
  for (const auto& [name, count] : sorted) {
    json.BeginObject().Key("name").String(name).Key("value");
    json.Integer(static_cast<std::int64_t>(count)).EndObject();
  }
  json.EndArray();
}

// What there is most of, counted over all series. Chunks and times are those of Prometheus's
// storage, which has no like here.
Result<Answer> TsdbStatus(const StatusSource& source, const ServerRequest& request) {
  constexpr std::size_t kUsual = 10;
  const std::string text = request.Parameter("limit").value_or("");
  const Result<std::size_t> limit = text.empty() ? Result(kUsual) : ParseLimit(text);
  if (!limit.ok() || *limit == 0) return BadData("limit must be a positive number");

  const auto view = source.store.Open(After(source.clock, Millis(120'000)));
  const Result<series::SeriesListPtr> list = view->Find({}, nullptr, nullptr);
  if (!list.ok()) return list.error();
  const series::Frame& frame = *(*list)->frame;
  std::map<std::pair<series::Symbol, series::Symbol>, std::uint64_t> pairs;
  for (std::size_t i = 0; i < frame.size(); ++i) {
    for (const series::LabelPair& label : frame[i]) ++pairs[{label.name, label.value}];
  }
  Counts by_metric, values, bytes, by_pair;
  for (const auto& [pair, count] : pairs) {
    const std::string name(view->symbols()->Text(pair.first));
    const std::string value(view->symbols()->Text(pair.second));
    ++values[name];
    bytes[name] += value.size();
    by_pair[name + "=" + value] = count;
    if (name == kMetricName) by_metric[value] = count;
  }
  Answer answer;
  JsonWriter& json = answer.data.BeginObject();
  json.Key("headStats").BeginObject();
  json.Key("numSeries").Integer(static_cast<std::int64_t>(frame.size()));
  json.Key("numLabelPairs").Integer(static_cast<std::int64_t>(pairs.size()));
  json.Key("chunkCount").Integer(0).Key("minTime").Integer(0).Key("maxTime").Integer(0);
  json.EndObject();
  WriteLargest(json, "seriesCountByMetricName", by_metric, *limit);
  WriteLargest(json, "labelValueCountByLabelName", values, *limit);
  WriteLargest(json, "memoryInBytesByLabelName", bytes, *limit);
  WriteLargest(json, "seriesCountByLabelValuePair", by_pair, *limit);
  json.EndObject();
  return answer;
}

Answer WalReplay() {
  Answer answer;
  answer.data.BeginObject().Key("min").Integer(0).Key("max").Integer(0);
  answer.data.Key("current").Integer(0).EndObject();
  return answer;
}

// Nobody is told through Alertmanagers.
Answer Alertmanagers() {
  Answer answer;
  answer.data.BeginObject().Key("activeAlertmanagers").BeginArray().EndArray();
  answer.data.Key("droppedAlertmanagers").BeginArray().EndArray().EndObject();
  return answer;
}

}  // namespace

std::vector<Endpoint> StatusEndpoints(StatusSource source) {
  const auto own = std::make_shared<const StatusSource>(std::move(source));
  const auto fixed = [](auto answer) {
    return [answer](const ServerRequest&) { return Result<Answer>(answer()); };
  };
  const auto with = [own](auto answer) {
    return [own, answer](const ServerRequest&) { return Result<Answer>(answer(*own)); };
  };
  return {OnGet("status/buildinfo", fixed(BuildInfo)),
          OnGet("status/config", with(ShownConfig)),
          OnGet("status/flags", with(Flags)),
          OnGet("status/runtimeinfo", with(RuntimeInfo)),
          OnGet("status/tsdb", [own](const ServerRequest& r) { return TsdbStatus(*own, r); }),
          OnGet("status/walreplay", fixed(WalReplay)),
          OnGet("alertmanagers", fixed(Alertmanagers)),
          OnGet("notifications", fixed(EmptyList))};
}

}  // namespace tierwatch::api
