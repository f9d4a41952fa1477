#include "exporter/overview.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "base/duration.h"
#include "base/html.h"

namespace tierwatch {
namespace {

constexpr std::size_t kMostRows = 50;
constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();

constexpr std::string_view kStyle = R"(
:root{--bg:#fff;--fg:#1c2128;--soft:#59636e;--line:#d9dee3;--card:#f6f8fa;--bad:#c4191f;--badbg:#ffebe9;--warn:#8a5a00;
--warnbg:#fff4d6;--good:#157f3c;--ink:#2563c9}
@media(prefers-color-scheme:dark){:root{--bg:#0f141a;--fg:#e6ebf0;--soft:#97a1ac;--line:#2b333c;--card:#171d25;
--bad:#ff7b72;--badbg:#3c1618;--warn:#e3b341;--warnbg:#33270b;--good:#56d47a;--ink:#6ea8fe}}
*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--fg);font:15px/1.45 system-ui,sans-serif}
main,header{max-width:1180px;margin:0 auto;padding:0 20px}
header{display:flex;flex-wrap:wrap;gap:6px 16px;align-items:baseline;padding-top:18px}
h1{font-size:20px;margin:0}h2{font-size:15px;margin:26px 0 8px}
.state{font-weight:600}.soft{color:var(--soft)}.bad{color:var(--bad);font-weight:600}.warn{color:var(--warn);font-weight:600}
.good{color:var(--good)}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th{font-weight:500;color:var(--soft);text-align:left;font-size:13px}th,td{padding:6px 14px 6px 0;border-bottom:1px solid
var(--line);vertical-align:middle}td.n,th.n{text-align:right}td.n{white-space:nowrap}
.page{border-left:4px solid var(--warn);background:var(--warnbg);padding:9px 14px;margin:0 0 8px;border-radius:4px}
.page.critical{border-color:var(--bad);background:var(--badbg)}.page.pending{border-color:var(--line);background:var(--card)}
.page p{margin:2px 0 0}.page .when{float:right;color:var(--soft)}code{font:13px ui-monospace,monospace}
.labels{color:var(--soft);font-size:13px}.spark{vertical-align:middle}.spark path{fill:none;stroke:var(--ink);
stroke-width:1.5}footer{margin:28px 0;color:var(--soft);font-size:13px}a{color:var(--ink)})";

// One row of a table: its identity, and a value per column, NaN where it is unknown.
struct Row {
  std::map<std::string, double> values;
  std::vector<std::pair<TimestampMs, double>> trend;
};

// Rows by the values of their identifying labels, filled query by query.
class Table {
 public:
  Table(const OverviewSource& source, std::vector<std::string> keys)
      : source_(source), keys_(std::move(keys)) {}

  // Adds the column `name`; `makes_rows`: a series that has no row yet gets one.
  void Column(const std::string& name, std::string_view expr, bool makes_rows = false) {
    const Result<promql::Vector> vector = source_.instant(expr);
    if (!vector.ok()) return;
    for (const promql::VectorSample& sample : *vector) {
      const std::vector<std::string> key = Key(sample.labels);
      if (makes_rows && rows_.size() < kMostRows) rows_.try_emplace(key);
      if (const auto row = rows_.find(key); row != rows_.end())
        row->second.values[name] = sample.value;
    }
  }

  void Trend(std::string_view expr) {
    Result<promql::Matrix> matrix = source_.range(expr, source_.trend);
    if (!matrix.ok()) return;
    for (promql::SeriesPoints& series : *matrix) {
      if (const auto row = rows_.find(Key(series.labels)); row != rows_.end()) {
        row->second.trend = std::move(series.points);
      }
    }
  }

  const std::map<std::vector<std::string>, Row>& rows() const { return rows_; }

 private:
  std::vector<std::string> Key(const Labels& labels) const {
    std::vector<std::string> key;
    for (const std::string& name : keys_) key.emplace_back(labels.Get(name));
    return key;
  }

  const OverviewSource& source_;
  std::vector<std::string> keys_;
  std::map<std::vector<std::string>, Row> rows_;
};

double Value(const Row& row, const std::string& name) {
  const auto at = row.values.find(name);
  return at == row.values.end() ? kNothing : at->second;
}

std::string Cell(std::string_view text, std::string_view tone = "") {
  return fmt::format("<td class=\"n {}\">{}</td>", tone, EscapeHtml(text));
}

std::string Spark(const Row& row, const OverviewSource& source, std::string_view title) {
  return fmt::format("<td>{}</td>",
                     Sparkline(row.trend, source.now - source.trend.count(), source.now, title));
}

// The heading of a column of lines: "Lag, 15 min".
std::string Reach(std::string_view what, const OverviewSource& source) {
  return fmt::format("{}, {} min", what, source.trend.count() / 60'000);
}

std::string Section(std::string_view title, std::string_view head, const std::string& rows) {
  if (rows.empty()) return "";
  return fmt::format(
      "<h2>{}</h2><div "
      "class=\"scroll\"><table><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>",
      title, head, rows);
}

// How long ago, for people.
std::string Since(TimestampMs then, TimestampMs now) {
  return FormatSeconds(
      std::round(static_cast<double>(std::max<TimestampMs>(now - then, 0)) / 1000));
}

std::string LabelText(const Labels& labels) {
  std::string text;
  for (const Label& label : labels) {
    if (label.name == "alertname" || label.name == "severity" || label.name == "job" ||
        label.name == "instance")
      continue;
    text += fmt::format("{}{}={}", text.empty() ? "" : " · ", label.name, label.value);
  }
  return EscapeHtml(text);
}

std::string RenderAlert(const Alert& alert, TimestampMs now) {
  const bool firing = alert.state == AlertState::kFiring;
  const std::string_view severity = alert.labels.Get("severity");
  std::string_view text = alert.annotations.Get("summary");
  if (text.empty()) text = alert.annotations.Get("description");
  const std::string_view runbook = alert.annotations.Get("runbook_url");
  const bool link = runbook.starts_with("https://") || runbook.starts_with("http://");
  return fmt::format(
      "<div class=\"page {} {}\"><span class=when>{} for {}</span><b>{}</b> <span class=soft>{} · "
      "value {}</span>"
      "<p>{}{}</p><div class=labels>{}</div></div>",
      firing ? "firing" : "pending", firing && severity == "critical" ? "critical" : "",
      AlertStateName(alert.state), Since(firing ? alert.fired_at : alert.active_at, now),
      EscapeHtml(alert.labels.Get("alertname")), EscapeHtml(severity), FormatCount(alert.value),
      EscapeHtml(text), link ? fmt::format(" <a href=\"{}\">runbook</a>", EscapeHtml(runbook)) : "",
      LabelText(alert.labels));
}

std::string RenderAlerts(const OverviewSource& source) {
  std::vector<const Alert*> active;
  for (const Alert& alert : source.alerts) {
    if (alert.state == AlertState::kFiring || alert.state == AlertState::kPending)
      active.push_back(&alert);
  }
  if (active.empty())
    return "<h2>Alerts</h2><p class=good>Nothing is firing, nothing is pending.</p>";
  const auto rank = [](const Alert* alert) {
    return std::tuple(alert->state != AlertState::kFiring,
                      alert->labels.Get("severity") != "critical", alert->active_at);
  };
  std::stable_sort(active.begin(), active.end(),
                   [&](const Alert* a, const Alert* b) { return rank(a) < rank(b); });
  std::string html = "<h2>Alerts</h2>";
  for (std::size_t i = 0; i < std::min(active.size(), kMostRows); ++i)
    html += RenderAlert(*active[i], source.now);
  if (active.size() > kMostRows)
    html += fmt::format("<p>and {} more</p>", active.size() - kMostRows);
  return html;
}

std::string RenderDown(const OverviewSource& source) {
  std::string rows;
  for (const DownTarget& target : source.down) {
    rows += fmt::format(
        "<tr><td>{}</td><td>{}</td><td>{}</td>{}{}<td>{}</td></tr>", EscapeHtml(target.collector),
        EscapeHtml(target.labels.Get("service")), EscapeHtml(target.labels.Get("target")),
        Cell(target.since == 0 ? "never" : Since(target.since, source.now) + " ago"),
        Cell(target.reason, "bad"), EscapeHtml(target.message));
  }
  return Section("Targets that are down",
                 "<th>Collector<th>Service<th>Target<th class=n>Last reached<th "
                 "class=n>Reason<th>What it said",
                 rows);
}

std::string RenderTiers(const OverviewSource& source) {
  Table tiers(source, {"service", "tier"});
  tiers.Column("seen", "count by (service, tier) (tierwatch_cache_tier_available)", true);
  tiers.Column("up", "sum by (service, tier) (tierwatch_cache_tier_available)");
  tiers.Column("entries", "sum by (service, tier) (tierwatch_cache_tier_entries)");
  const std::string ratio =
      "sum by (service, tier) (rate(tierwatch_cache_tier_hits_total[1m])) / (sum by (service, "
      "tier) "
      "(rate(tierwatch_cache_tier_hits_total[1m])) + sum by (service, tier) "
      "(rate(tierwatch_cache_tier_misses_total[1m])))";
  tiers.Column("hit", ratio);
  tiers.Column("p50", "max by (service, tier) (tierwatch_cache_tier_latency_p50_seconds)");
  tiers.Column("p95", "max by (service, tier) (tierwatch_cache_tier_latency_p95_seconds)");
  tiers.Column("errors", "sum by (service, tier) (rate(tierwatch_cache_tier_errors_total[1m]))");
  tiers.Trend(ratio);

  Table whole(source, {"service"});
  whole.Column("seen", "count by (service) (tierwatch_target_up{collector=\"cache_health\"})",
               true);
  whole.Column("up", "sum by (service) (tierwatch_target_up{collector=\"cache_health\"})");
  const std::string whole_ratio =
      "sum by (service) (rate(tierwatch_cache_hits_total[1m])) / (sum by (service) "
      "(rate(tierwatch_cache_hits_total[1m])) "
      "+ sum by (service) (rate(tierwatch_cache_misses_total[1m])))";
  whole.Column("hit", whole_ratio);
  whole.Column("p50", "max by (service) (tierwatch_cache_latency_p50_seconds)");
  whole.Column("p95", "max by (service) (tierwatch_cache_latency_p95_seconds)");
  whole.Column("errors", "sum by (service) (rate(tierwatch_cache_errors_total[1m]))");
  whole.Trend(whole_ratio);

  const auto line = [&](const std::string& service, const std::string& tier, const Row& row,
                        std::string_view unit) {
    const double up = Value(row, "up");
    const double seen = Value(row, "seen");
    const bool all = up >= seen;
    const double errors = Value(row, "errors");
    return fmt::format(
        "<tr><td>{}</td><td>{}</td>{}{}{}{}{}{}{}</tr>", EscapeHtml(service), tier,
        Cell(fmt::format("{}{}", all ? "✓ " : "✕ ",
                         seen == 1 ? std::string(all ? "yes" : "DOWN")
                                   : fmt::format("{} of {} {}", up, seen, unit)),
             all ? "good" : "bad"),
        Cell(FormatCount(Value(row, "entries"))), Cell(FormatRatio(Value(row, "hit"))),
        Cell(FormatSeconds(Value(row, "p50"))), Cell(FormatSeconds(Value(row, "p95"))),
        Cell(std::isnan(errors) ? "—" : FormatCount(errors) + "/s", errors > 0 ? "warn" : ""),
        Spark(row, source, "hit ratio"));
  };
  std::string rows;
  for (const auto& [key, row] : whole.rows()) {
    rows += line(key[0], "<b>all tiers</b>", row, "backends");
    for (const auto& [tier_key, tier_row] : tiers.rows()) {
      if (tier_key[0] == key[0]) rows += line("", EscapeHtml(tier_key[1]), tier_row, "instances");
    }
  }
  return Section("Cache tiers",
                 "<th>Service<th>Tier<th class=n>Available<th class=n>Entries<th class=n>Hit "
                 "ratio<th class=n>p50"
                 "<th class=n>p95<th class=n>Errors<th>" +
                     Reach("Hit ratio", source),
                 rows);
}

std::string RenderReplicas(const OverviewSource& source) {
  Table replicas(source, {"service", "replica"});
  replicas.Column("streaming", "max by (service, replica) (tierwatch_replica_streaming)", true);
  replicas.Column("lag", "max by (service, replica) (tierwatch_replica_lag_seconds)", true);
  replicas.Column("bytes",
                  "max by (service, replica) (tierwatch_replica_lag_bytes{stage=\"replay\"})");
  replicas.Column("claimed",
                  "max by (service, replica) (tierwatch_backend_reported_replica_lag_seconds)");
  replicas.Trend("max by (service, replica) (tierwatch_replica_lag_seconds)");
  std::string rows;
  for (const auto& [key, row] : replicas.rows()) {
    const double streaming = Value(row, "streaming");
    const double lag = Value(row, "lag");
    rows += fmt::format(
        "<tr><td>{}</td><td>{}</td>{}{}{}{}{}</tr>", EscapeHtml(key[0]), EscapeHtml(key[1]),
        std::isnan(streaming)
            ? Cell("—")
            : Cell(streaming > 0 ? "✓ yes" : "✕ no", streaming > 0 ? "good" : "bad"),
        Cell(FormatSeconds(lag), lag > 30  ? "bad"
                                 : lag > 5 ? "warn"
                                           : ""),
        Cell(FormatBytes(Value(row, "bytes"))), Cell(FormatSeconds(Value(row, "claimed"))),
        Spark(row, source, "lag"));
  }
  return Section("Replicas",
                 "<th>Service<th>Replica<th class=n>Streaming<th class=n>Lag<th class=n>Behind "
                 "by<th class=n>Backend claims"
                 "<th>" +
                     Reach("Lag", source),
                 rows);
}

std::string RenderPartitions(const OverviewSource& source) {
  Table tables(source, {"service", "schema", "table"});
  tables.Column("count", "max by (service, schema, table) (tierwatch_partitions)", true);
  tables.Column("runway", "min by (service, schema, table) (tierwatch_partition_runway_seconds)");
  tables.Column("rows", "max by (service, schema, table) (tierwatch_partition_rows_estimate)");
  tables.Column("bytes",
                "max by (service, schema, table) (tierwatch_partition_size_estimate_bytes)");
  tables.Column("gaps", "max by (service, schema, table) (tierwatch_partition_gaps)");
  tables.Column("default",
                "max by (service, schema, table) (tierwatch_partition_default_has_rows)");
  using Item = std::pair<const std::vector<std::string>*, const Row*>;
  std::vector<Item> ordered;
  for (const auto& [key, row] : tables.rows()) ordered.emplace_back(&key, &row);
  const auto urgency = [](const Item& item) {
    const double runway = Value(*item.second, "runway");
    return std::isnan(runway) ? std::numeric_limits<double>::infinity() : runway;
  };
  std::stable_sort(ordered.begin(), ordered.end(),
                   [&](const Item& a, const Item& b) { return urgency(a) < urgency(b); });
  std::string rows;
  for (const auto& [key, row] : ordered) {
    const double runway = Value(*row, "runway");
    const double gaps = Value(*row, "gaps");
    const double strays = Value(*row, "default");
    rows += fmt::format(
        "<tr><td>{}</td><td><code>{}.{}</code></td>{}{}{}{}{}{}</tr>", EscapeHtml((*key)[0]),
        EscapeHtml((*key)[1]), EscapeHtml((*key)[2]),
        Cell(FormatSeconds(runway), runway < 86'400    ? "bad"
                                    : runway < 604'800 ? "warn"
                                                       : ""),
        Cell(FormatCount(Value(*row, "count"))), Cell(FormatCount(Value(*row, "rows"))),
        Cell(FormatBytes(Value(*row, "bytes"))), Cell(FormatCount(gaps), gaps > 0 ? "warn" : ""),
        Cell(std::isnan(strays) ? "—"
             : strays > 0       ? "has rows"
                                : "empty",
             strays > 0 ? "bad" : ""));
  }
  return Section(
      "Partitioned tables",
      "<th>Service<th>Table<th class=n>Runway<th class=n>Partitions<th class=n>Rows<th class=n>Size"
      "<th class=n>Gaps<th class=n>Default partition",
      rows);
}

std::string RenderHeader(const OverviewSource& source) {
  const auto count = [&](AlertState state) {
    return std::count_if(source.alerts.begin(), source.alerts.end(),
                         [&](const Alert& alert) { return alert.state == state; });
  };
  const auto firing = count(AlertState::kFiring);
  const auto pending = count(AlertState::kPending);
  return fmt::format(
      "<header><h1>tierwatch</h1><span class=\"state {}\">{} firing</span><span class=\"{}\">{} "
      "pending</span>"
      "<span class=\"{}\">{} of {} targets up</span><span class=soft>as of {} UTC</span></header>",
      firing > 0 ? "bad" : "good", firing, pending > 0 ? "warn" : "soft", pending,
      source.down.empty() ? "soft" : "bad",
      source.targets - std::min(source.down.size(), source.targets), source.targets,
      FormatTimestamp(source.now / 1000 * 1000).substr(11, 8));
}

}  // namespace

std::string RenderOverview(const OverviewSource& source) {
  const bool firing =
      std::any_of(source.alerts.begin(), source.alerts.end(),
                  [](const Alert& alert) { return alert.state == AlertState::kFiring; });
  return fmt::format(
      "<!doctype html><html lang=en><head><meta charset=utf-8><meta name=viewport "
      "content=\"width=device-width,initial-scale=1\"><meta http-equiv=refresh "
      "content={}><title>{}tierwatch</title>"
      "<link rel=icon href=\"data:,\"><style>{}</style></head><body>{}<main>{}{}{}{}{}"
      "<footer><a href=\"/metrics\">/metrics</a> · refreshes every "
      "{}</footer></main></body></html>\n",
      source.refresh.count() / 1000, firing ? "● " : "", kStyle, RenderHeader(source),
      RenderAlerts(source), RenderDown(source), RenderTiers(source), RenderReplicas(source),
      RenderPartitions(source), FormatDuration(source.refresh));
}

}  // namespace tierwatch
