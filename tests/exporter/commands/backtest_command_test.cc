#include "exporter/commands/backtest_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/http_sink.h"
#include "tests/support/process.h"

namespace tierwatch {
namespace {

TEST(BacktestCommand, ReadsTimesAsPeopleWriteThem) {
  constexpr TimestampMs kNow = 1'700'000'000'000;
  const std::pair<std::string, TimestampMs> cases[] = {{"now", kNow},
                                                       {"6h", kNow - 6 * 3'600'000},
                                                       {"1700000000.25", 1'700'000'000'250},
                                                       {"2023-11-14T22:13:20Z", kNow}};
  for (const auto& [text, time] : cases) {
    const auto parsed = ParseTime(text, kNow);
    ASSERT_TRUE(parsed.ok()) << text;
    EXPECT_EQ(*parsed, time) << text;
  }
  for (const std::string text : {"", "yesterday", "1e300", "nan", "12:00"})
    EXPECT_FALSE(ParseTime(text, kNow).ok()) << text;
}

BacktestReport Report() {
  BacktestReport report;
  report.alerts = {{"r.yml",
                    "g",
                    "High",
                    {{{{"instance", "a\"b"}}, 0, 60'000, 120'000}, {{}, 180'000, 240'000, 0}}},
                   {"r.yml", "g", "Never", {}}};
  report.evaluations = 10;
  return report;
}

TEST(BacktestCommand, PrintsPages) {
  EXPECT_EQ(FormatBacktest(Report()),
            "High (g): 2 pages\n"
            "  1970-01-01T00:01:00Z to 1970-01-01T00:02:00Z  {instance=\"a\\\"b\"}\n"
            "  1970-01-01T00:04:00Z to the end  {}\n"
            "Never (g): 0 pages\n"
            "10 evaluations, 0 failed\n");
  const std::string json = FormatBacktestJson(Report(), 0, 300'000);
  EXPECT_THAT(json, testing::HasSubstr(R"("instance": "a\"b")"));
  EXPECT_THAT(json, testing::HasSubstr(R"("endsAt": null)"));
  EXPECT_THAT(json, testing::HasSubstr(R"("to": "1970-01-01T00:05:00Z")"));
}

TEST(BacktestCommand, SaysWhyItCantReplay) {
  const TempDir dir;
  const std::string rules =
      dir.Write("r.yml", "groups: [{name: g, rules: [{alert: A, expr: up == 0}]}]");
  const auto replay = [&](const std::string& url, const std::string& from) {
    return RunProcess({TIERWATCH_BINARY, "rules", "backtest", "--url", url, "--from", from, rules});
  };
  const ProcessResult unreachable = replay("http://127.0.0.1:1", "1h");
  EXPECT_EQ(unreachable.status, 2);
  EXPECT_THAT(unreachable.output, testing::HasSubstr("up: http://127.0.0.1:1: "));
  EXPECT_EQ(replay("http://127.0.0.1:1", "soon").status, 2);
  HttpSink sink;
  sink.Always(
      "/api/v1/query",
      {.status = 422, .body = R"({"status":"error","errorType":"execution","error":"broken"})"});
  const ProcessResult refused = replay(sink.Url(""), "1h");
  EXPECT_EQ(refused.status, 2);
  EXPECT_THAT(refused.output, testing::HasSubstr("HTTP 422: execution: broken"));
}

}  // namespace
}  // namespace tierwatch
