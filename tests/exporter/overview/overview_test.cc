#include "exporter/overview/overview.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "exporter/overview/table.h"

namespace tierwatch {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr TimestampMs kNow = 1'762'545'600'000;  // 2025-11-07T20:00:00Z

OverviewSource Source() {
  OverviewSource source;
  source.now = kNow;
  source.targets = 3;
  source.instant = [](std::string_view) { return Result<promql::Vector>(promql::Vector{}); };
  source.range = [](std::string_view, Millis) { return Result<promql::Matrix>(promql::Matrix{}); };
  return source;
}

Alert MakeAlert(Labels labels, AlertState state) {
  Alert alert;
  alert.labels = std::move(labels);
  alert.state = state;
  return alert;
}

TEST(Sparkline, BreaksAtGaps) {
  const std::string line =
      Sparkline({{0, 1}, {1000, 2}, {2000, kNan}, {30'000, 1}, {31'000, 2}}, 0, 60'000, "t");
  EXPECT_EQ(std::count(line.begin(), line.end(), 'M'), 2) << line;
  EXPECT_EQ(Sparkline({{0, 1}}, 0, 60'000, "t"), "");
  EXPECT_EQ(Sparkline({{0, kNan}, {1, kNan}}, 0, 60'000, "t"), "");
}

TEST(Overview, ShowsFiringAlertsFirstWithSinceWhenAndValue) {
  OverviewSource source = Source();
  Alert pending =
      MakeAlert({{"alertname", "LowHitRate"}, {"severity", "warning"}}, AlertState::kPending);
  pending.active_at = kNow - 5'000;
  Alert firing =
      MakeAlert({{"alertname", "CacheBackendDown"}, {"severity", "critical"}, {"tier", "L3-Redis"}},
                AlertState::kFiring);
  firing.annotations = {{"summary", "L3-Redis is down"}};
  firing.fired_at = kNow - 120'000;
  firing.value = 1;
  source.alerts = {pending, firing};
  const std::string page = RenderOverview(source);
  EXPECT_LT(page.find("CacheBackendDown"), page.find("LowHitRate"));
  EXPECT_NE(page.find("firing for 2 min 0 s"), std::string::npos);
  EXPECT_NE(page.find("pending for 5 s"), std::string::npos);
  EXPECT_NE(page.find("tier=L3-Redis"), std::string::npos);
  EXPECT_NE(page.find("1 firing"), std::string::npos);
}

TEST(Overview, LeadsFromAnAlertToItsChart) {
  OverviewSource source = Source();
  Alert alert = MakeAlert({{"alertname", "LowHitRate"}}, AlertState::kFiring);
  alert.generator_url = "https://tw.example/graph?g0.expr=up&g0.tab=1";
  source.alerts = {alert};
  EXPECT_NE(RenderOverview(source).find(
                "<a href=\"https://tw.example/graph?g0.expr=up&amp;g0.tab=1\">chart</a>"),
            std::string::npos);
}

TEST(Overview, NamesAsManyTargetsThatAreDownAsPeopleRead) {
  OverviewSource source = Source();
  source.down.resize(53, {"redis", {{"service", "l3"}}, "connect", "refused", 0});
  const std::string page = RenderOverview(source);
  EXPECT_NE(page.find("and 3 more"), std::string::npos);
}

TEST(Overview, ShowsTargetsThatAreDownWithTheirReason) {
  OverviewSource source = Source();
  source.down = {{"redis",
                  {{"service", "l3"}, {"target", "10.0.0.7:6379"}},
                  "connect",
                  "connection refused",
                  kNow - 60'000}};
  const std::string page = RenderOverview(source);
  EXPECT_NE(page.find("connection refused"), std::string::npos);
  EXPECT_NE(page.find("2 of 3 targets up"), std::string::npos);
}

TEST(Overview, ShowsTiersAndLeavesUnknownCellsEmpty) {
  OverviewSource source = Source();
  source.instant = [](std::string_view expr) {
    promql::Vector vector;
    const Labels tier{{"service", "orgs"}, {"tier", "L3-Redis"}};
    if (expr == "count by (service, tier) (tierwatch_cache_tier_available)")
      vector.push_back({tier, kNow, 1});
    if (expr == "sum by (service, tier) (tierwatch_cache_tier_available)")
      vector.push_back({tier, kNow, 0});
    if (expr.starts_with("count by (service) (tierwatch_target_up"))
      vector.push_back({{{"service", "orgs"}}, kNow, 1});
    return Result<promql::Vector>(vector);
  };
  const std::string page = RenderOverview(source);
  EXPECT_NE(page.find("L3-Redis"), std::string::npos);
  EXPECT_NE(page.find("✕ DOWN"), std::string::npos);
  EXPECT_NE(page.find("—"), std::string::npos);
}

TEST(Overview, ShowsHowFullPoolsAre) {
  OverviewSource source = Source();
  source.instant = [](std::string_view expr) {
    const Labels postgres{{"service", "orgs-db"}, {"target", "10.0.0.31:5432"}};
    const Labels bouncer{{"service", "orgs-db"}, {"target", "10.0.0.31:6432"}};
    promql::Vector vector;
    if (expr == "sum by (service, target) (tierwatch_pool_connections)")
      vector = {{postgres, kNow, 95}};
    if (expr == "max by (service, target) (tierwatch_pool_connections_max)")
      vector = {{postgres, kNow, 100}};
    if (expr == "sum by (service, target) (tierwatch_pool_client_connections)")
      vector = {{bouncer, kNow, 12}};
    if (expr == "max by (service, target) (tierwatch_pool_max_wait_seconds)")
      vector = {{bouncer, kNow, 1.5}};
    return Result<promql::Vector>(vector);
  };
  const std::string page = RenderOverview(source);
  EXPECT_NE(page.find("<td class=\"n bad\">95</td><td class=\"n \">100</td>"), std::string::npos);
  EXPECT_NE(page.find("<td class=\"n \">12</td><td class=\"n \">—</td>"), std::string::npos);
  EXPECT_NE(page.find("<td class=\"n bad\">1.5 s</td>"), std::string::npos);
}

TEST(Overview, EscapesEveryTextFromOutside) {
  const std::string evil = "<script>alert(1)</script>\"'&";
  OverviewSource source = Source();
  Alert alert =
      MakeAlert({{"alertname", evil}, {"severity", evil}, {"x", evil}}, AlertState::kFiring);
  alert.annotations = {{"summary", evil}, {"runbook_url", "javascript:alert(1)"}};
  source.alerts = {alert};
  source.down = {{evil, {{"service", evil}, {"target", evil}}, evil, evil, 0}};
  source.instant = [&](std::string_view) {
    const Labels labels{
        {"service", evil}, {"tier", evil}, {"replica", evil}, {"schema", evil}, {"table", evil}};
    return Result<promql::Vector>(promql::Vector{{labels, kNow, 1}});
  };
  const std::string page = RenderOverview(source);
  EXPECT_EQ(page.find("<script"), std::string::npos);
  EXPECT_EQ(page.find("javascript:"), std::string::npos);
  EXPECT_EQ(page.find("http://"), std::string::npos) << "no outside asset";
}

}  // namespace
}  // namespace tierwatch
