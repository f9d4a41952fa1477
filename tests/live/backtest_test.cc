// Rules replayed over a real Prometheus's history: what they must have said by
// arithmetic, and what that Prometheus said itself when it judged the same
// samples.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/duration.h"
#include "exporter/commands/prometheus_client.h"
#include "tests/support/process.h"
#include "tests/support/prometheus/prometheus_server.h"

namespace tierwatch {
namespace {

constexpr TimestampMs kMinute = 60'000;

nlohmann::json Backtest(const PrometheusServer& server, const std::string& rules, TimestampMs from,
                        TimestampMs to, const std::vector<std::string>& more = {}) {
  std::vector<std::string> command = {TIERWATCH_BINARY,
                                      "rules",
                                      "backtest",
                                      "--json",
                                      "--url",
                                      server.url(),
                                      "--from",
                                      FormatTimestamp(from),
                                      "--to",
                                      FormatTimestamp(to),
                                      rules};
  command.insert(command.end(), more.begin(), more.end());
  const ProcessResult result = RunProcess(command, Millis(120'000));
  EXPECT_EQ(result.status, 0) << result.output;
  return nlohmann::json::parse(result.output, nullptr, false);
}

TimestampMs Time(const nlohmann::json& page, const char* key) {
  return *ParseTimestamp(page.at(key).get<std::string>());
}

TEST(BacktestTest, PagesAreThoseThatArithmeticSays) {
  if (!PrometheusServer::Exists()) GTEST_SKIP() << "no prometheus here";
  const TempDir dir;
  const SystemClock clock;
  const TimestampMs start = (clock.Now() - 6 * 60 * kMinute) / kMinute * kMinute;
  // Of two counters, each sampled every 15 s for 3 hours, `b` stands still in
  // the second hour and `a` for its first 4 minutes alone.
  std::vector<series::Sample> samples;
  double a = 0, b = 0;
  for (TimestampMs age = 0; age < 180 * kMinute; age += 15'000) {
    const bool second = age >= 60 * kMinute && age < 120 * kMinute;
    if (!second) b += 15;
    if (!(age >= 60 * kMinute && age < 64 * kMinute)) a += 15;
    samples.push_back({{{"__name__", "work_total"}, {"name", "a"}}, start + age, a, {}});
    samples.push_back({{{"__name__", "work_total"}, {"name", "b"}}, start + age, b, {}});
  }
  PrometheusServer server;
  server.Write(samples);
  const std::string rules = dir.Write("r.yml", R"(
groups:
  - name: g
    interval: 1m
    rules:
      - record: name:work:rate2m
        expr: rate(work_total[2m])
      - alert: Stands
        expr: name:work:rate2m == 0
        for: 5m
)");
  for (const char* chunk : {"1h", "13m"}) {
    const nlohmann::json report = Backtest(server, rules, start + 10 * kMinute,
                                           start + 170 * kMinute - 1, {"--chunk", chunk});
    const nlohmann::json& pages = report.at("alerts").at(0).at("pages");
    ASSERT_EQ(pages.size(), 1u) << report;  // a's four minutes are less than `for`
    EXPECT_EQ(pages[0].at("labels"), nlohmann::json({{"name", "b"}}));
    // The last rise is from 59m30s to 59m45s: the rate is 0 once the window no
    // longer holds its beginning. The next slot is less than a minute on. It
    // rises again with the sample of 120m.
    const TimestampMs active = Time(pages[0], "activeAt") - start;
    EXPECT_GE(active, 61 * kMinute + 30'000);
    EXPECT_LT(active, 62 * kMinute + 30'000);
    EXPECT_EQ(Time(pages[0], "startsAt") - start, active + 5 * kMinute);
    const TimestampMs end = Time(pages[0], "endsAt") - start;
    EXPECT_GE(end, 120 * kMinute);
    EXPECT_LT(end, 121 * kMinute);
    EXPECT_EQ(report.at("evaluations"), 2 * 160);
  }
}

TEST(BacktestTest, SeesThatASeriesEnded) {
  if (!PrometheusServer::Exists()) GTEST_SKIP() << "no prometheus here";
  const TempDir dir;
  const SystemClock clock;
  const TimestampMs start = (clock.Now() - 2 * 60 * kMinute) / kMinute * kMinute;
  // Both have their last sample at 30 minutes; `told` then a staleness marker, as a target that was
  // removed has it.
  PrometheusServer server;
  for (TimestampMs age = 0; age <= 30 * kMinute; age += kMinute) {
    const auto sample = [&](const char* name) {
      return series::Sample{{{"__name__", "broken"}, {"name", name}}, start + age, 1, {}};
    };
    server.Write(std::vector<series::Sample>{sample("told"), sample("silent")});
  }
  server.Write(std::vector<series::Sample>{{{{"__name__", "broken"}, {"name", "told"}},
                                            start + 31 * kMinute,
                                            series::StaleMarker(),
                                            {}}});
  const std::string rules = dir.Write(
      "r.yml", "groups: [{name: g, interval: 15s, rules: [{alert: A, expr: broken == 1}]}]");
  // Chunks that end in the middle, at the last sample, and at the marker.
  for (const char* chunk : {"1h", "15m", "11m", "10m30s"}) {
    const nlohmann::json report =
        Backtest(server, rules, start + 10 * kMinute, start + 60 * kMinute, {"--chunk", chunk});
    const nlohmann::json& pages = report.at("alerts").at(0).at("pages");
    ASSERT_EQ(pages.size(), 2u) << report;
    for (const nlohmann::json& page : pages) {
      const bool told = page.at("labels").at("name") == "told";
      const TimestampMs end = start + (told ? 31 : 35) * kMinute;  // 5m is the lookback
      EXPECT_GE(Time(page, "endsAt"), end - 1) << report;
      EXPECT_LE(Time(page, "endsAt"), end + 30'000) << report;  // a step and a slot
    }
  }
}

TEST(BacktestTest, PagesAreThoseThatPrometheusHadItself) {
  if (!PrometheusServer::Exists()) GTEST_SKIP() << "no prometheus here";
  const TempDir dir;
  const std::string rules = dir.Write("r.yml", R"(
groups:
  - name: g
    interval: 1s
    rules:
      - {record: level, expr: max by (instance) (raw)}
      - {alert: High, expr: level > 1, for: 2s}
      - {alert: Higher, expr: raw > 2}
)");
  PrometheusServer server(rules);
  const SystemClock clock;
  const TimestampMs start = clock.Now();
  for (const double value : {0, 2, 0, 2, 2, 2, 2, 3, 3, 0, 0, 0}) {
    server.Write(std::vector<series::Sample>{
        {{{"__name__", "raw"}, {"instance", "i"}}, clock.Now(), value, {}}});
    std::this_thread::sleep_for(Millis(1'000));
  }
  const TimestampMs end = clock.Now();
  PrometheusClient client(server.url());
  const nlohmann::json report = Backtest(server, rules, start, end);
  for (const nlohmann::json& alert : report.at("alerts")) {
    auto theirs = client.Samples(
        R"(ALERTS{alertstate="firing",alertname=")" + alert.at("alert").get<std::string>() + "\"}",
        start, end);
    ASSERT_TRUE(theirs.ok()) << theirs.error().message;
    ASSERT_EQ(theirs->size(), 1u);
    std::erase_if((*theirs)[0].points,
                  [](const auto& point) { return series::IsStale(point.second); });
    const nlohmann::json& pages = alert.at("pages");
    ASSERT_EQ(pages.size(), 1u) << report;
    // Slots differ by less than an interval, and a sample may come just too
    // late for one.
    EXPECT_LE(std::abs(Time(pages[0], "startsAt") - (*theirs)[0].points.front().first), 2'000);
    EXPECT_LE(std::abs(Time(pages[0], "endsAt") - (*theirs)[0].points.back().first - 1'000), 2'000);
  }
}

}  // namespace
}  // namespace tierwatch
