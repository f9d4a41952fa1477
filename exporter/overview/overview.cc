#include "exporter/overview/overview.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <ranges>

#include "base/duration.h"
#include "base/html.h"
#include "exporter/overview/sections.h"
#include "exporter/overview/table.h"
#include "exporter/readable.h"

namespace tierwatch {
namespace {

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

// `text`, which leads to `url` if that is a page of the web. Both from outside.
std::string Link(std::string_view url, std::string_view text) {
  const bool web = url.starts_with("https://") || url.starts_with("http://");
  return web ? fmt::format("<a href=\"{}\">{}</a>", EscapeHtml(url), EscapeHtml(text)) : "";
}

std::string RenderAlert(const Alert& alert, TimestampMs now) {
  const bool firing = alert.state == AlertState::kFiring;
  const std::string_view severity = alert.labels.Get("severity");
  std::string_view text = alert.annotations.Get("summary");
  if (text.empty()) text = alert.annotations.Get("description");
  return fmt::format(
      "<div class=\"page {} {}\"><span class=when>{} for {}</span><b>{}</b> <span class=soft>{} · "
      "value {}</span><p>{} {} {}</p><div class=labels>{}</div></div>",
      firing ? "firing" : "pending", firing && severity == "critical" ? "critical" : "",
      AlertStateName(alert.state), Since(firing ? alert.fired_at : alert.active_at, now),
      EscapeHtml(alert.labels.Get("alertname")), EscapeHtml(severity), FormatCount(alert.value),
      EscapeHtml(text), Link(alert.generator_url, "chart"),
      Link(alert.annotations.Get("runbook_url"), "runbook"), LabelText(alert.labels));
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
  for (const DownTarget& target : source.down | std::views::take(kMostRows)) {
    rows += fmt::format(
        "<tr><td>{}</td><td>{}</td><td>{}</td>{}{}<td>{}</td></tr>", EscapeHtml(target.collector),
        EscapeHtml(target.labels.Get("service")), EscapeHtml(target.labels.Get("target")),
        Cell(target.since == 0 ? "never" : Since(target.since, source.now) + " ago"),
        Cell(target.reason, "bad"), EscapeHtml(target.message));
  }
  if (source.down.size() > kMostRows)
    rows += fmt::format("<tr><td>and {} more</td></tr>", source.down.size() - kMostRows);
  return Section("Targets that are down",
                 "<th>Collector<th>Service<th>Target<th class=n>Last reached<th "
                 "class=n>Reason<th>What it said",
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
      "<link rel=icon href=\"data:,\"><style>{}</style></head><body>{}<main>{}{}{}{}{}{}"
      "<footer><a href=\"metrics\">/metrics</a> · <a href=\"graph\">/graph</a> · refreshes every "
      "{}</footer></main></body></html>\n",
      source.refresh.count() / 1000, firing ? "● " : "", kStyle, RenderHeader(source),
      RenderAlerts(source), RenderDown(source), TierSection(source), ReplicaSection(source),
      PartitionSection(source), PoolSection(source), FormatDuration(source.refresh));
}

}  // namespace tierwatch
