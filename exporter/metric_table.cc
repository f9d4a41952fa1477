#include "exporter/metric_table.h"

#include <fmt/format.h>

#include <span>

#include "alerts/notify/delivery.h"
#include "alerts/rules/evaluator.h"
#include "collectors/collector.h"
#include "exporter/discovery.h"
#include "exporter/judge.h"
#include "exporter/reloader.h"
#include "exporter/remote_write/remote_write.h"
#include "exporter/runner.h"
#include "exporter/self_metrics.h"
#include "exporter/snapshot_keeper.h"

namespace tierwatch {
namespace {

std::string LabelList(const MetricRow& row) {
  std::string list = row.source == "self" ? "" : "service, target";
  for (const std::string_view label : row.info.labels) {
    if (!label.empty()) list.append(list.empty() ? "" : ", ").append(label);
  }
  return list;
}

// Calls `head` before the first row of each source, `line` for every row.
template <class Head, class Line>
void ForEachRow(Head head, Line line) {
  std::string_view source;
  for (const MetricRow& row : AllMetrics()) {
    if (row.source != source) head(source = row.source);
    line(row);
  }
}

}  // namespace

std::string_view MetricTypeName(prometheus::MetricType type) {
  switch (type) {
    case prometheus::MetricType::Counter:
      return "counter";
    case prometheus::MetricType::Gauge:
      return "gauge";
    case prometheus::MetricType::Summary:
      return "summary";
    case prometheus::MetricType::Histogram:
      return "histogram";
    case prometheus::MetricType::Untyped:
      break;
  }
  return "untyped";
}

std::vector<MetricRow> AllMetrics() {
  std::vector<MetricRow> rows;
  const auto add = [&rows](std::string_view source, std::span<const MetricInfo> metrics) {
    for (const MetricInfo& info : metrics) rows.push_back({source, info});
  };
  for (const CollectorKind& kind : CollectorKinds()) add(kind.stem, kind.metrics);
  add("targets", TargetMetrics());
  add("self", SelfMetrics());
  add("self", EvaluatorMetrics());
  add("self", DiscoveryMetrics());
  add("self", JudgeMetrics());
  add("self", ReloadMetrics());
  add("self", SnapshotMetrics());
  add("self", NotifyMetrics());
  add("self", ForwarderMetrics());
  add("self", HeartbeatMetrics());
  add("self", RemoteWriteMetrics());
  return rows;
}

std::string MetricTableText() {
  std::string text;
  ForEachRow([&](std::string_view source) { text += fmt::format("# {}\n", source); },
             [&](const MetricRow& row) {
               text += fmt::format("{} {} {{{}}} {}\n", row.info.name,
                                   MetricTypeName(row.info.type), LabelList(row), row.info.help);
             });
  return text;
}

std::string MetricTableMarkdown() {
  std::string text;
  ForEachRow(
      [&](std::string_view source) {
        text += fmt::format("{}### {}\n\n| metric | type | labels | meaning |\n|---|---|---|---|\n",
                            text.empty() ? "" : "\n", source);
      },
      [&](const MetricRow& row) {
        text += fmt::format("| `{}` | {} | {} | {} |\n", row.info.name,
                            MetricTypeName(row.info.type), LabelList(row), row.info.help);
      });
  return text;
}

}  // namespace tierwatch
