#include "alerts/rules/backtest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "alerts/promql/promql.h"
#include "alerts/rules/rule_file.h"
#include "alerts/rules/selectors.h"
#include "alerts/series/matcher.h"
#include "tests/support/fake_clock.h"

namespace tierwatch {
namespace {

constexpr TimestampMs kStart = 1'700'000'000'000;
constexpr TimestampMs kMinute = 60'000;

std::vector<RuleGroup> Read(const std::string& rules) {
  Diagnostics diagnostics;
  auto groups = ReadRules("groups:\n  - name: g\n    interval: 30s\n    rules:\n" + rules, "r.yml",
                          {}, {}, diagnostics);
  EXPECT_EQ(diagnostics.ToString(), "");
  return groups;
}

/// A server with one series `x`, sampled each 15 s for an hour: 1 from the 20th
/// minute up to the 30th, else 0.
class History {
 public:
  Result<promql::Matrix> operator()(const std::string& selector, TimestampMs from, TimestampMs to) {
    asked.insert(selector);
    if (to - from > longest.count()) return Error{"too many samples", Reason::kLimit};
    promql::Matrix matrix;
    if (selector != "x") return matrix;
    matrix.push_back({{{"__name__", "x"}, {"instance", "a"}}, {}, {}});
    for (TimestampMs time = kStart; time < kStart + 60 * kMinute; time += 15'000) {
      const bool high = time >= kStart + 20 * kMinute && time < kStart + 30 * kMinute;
      if (time > from && time <= to) matrix[0].points.emplace_back(time, high ? 1 : 0);
    }
    return matrix;
  }
  std::set<std::string> asked;
  Millis longest{24 * 60 * kMinute};
};

Result<BacktestReport> Replay(const std::string& rules, History& history,
                              BacktestOptions options = {}) {
  const FakeClock clock;
  options.from = kStart + 10 * kMinute;
  if (options.to == 0) options.to = kStart + 50 * kMinute;
  TimestampMs last = 0;
  auto report = Backtest(Read(rules), options, std::ref(history), clock, [&](TimestampMs reached) {
    EXPECT_GT(reached, last);
    last = reached;
  });
  if (report.ok()) {
    EXPECT_EQ(last, options.to);
  }
  return report;
}

const std::string kHigh = "      - {alert: High, expr: x > 0, for: 2m}\n";

// Slots are 30 s apart, so the alert is pending from the first one in the 20th
// minute on, fires 2 minutes later, and is resolved at the first one in the
// 30th.
void ExpectOnePage(const BacktestAlert& alert) {
  ASSERT_EQ(alert.pages.size(), 1u);
  const BacktestPage& page = alert.pages[0];
  EXPECT_GE(page.active_at, kStart + 20 * kMinute);
  EXPECT_LT(page.active_at, kStart + 20 * kMinute + 30'000);
  EXPECT_EQ(page.fired_at, page.active_at + 2 * kMinute);
  EXPECT_EQ(page.resolved_at, page.active_at + 10 * kMinute);
  EXPECT_EQ(page.labels.ToString(), R"({instance="a"})");
}

TEST(Backtest, TellsPagesAndTheirTimes) {
  History history;
  const auto report = Replay(kHigh + "      - {alert: Never, expr: x > 1}\n", history);
  ASSERT_TRUE(report.ok()) << report.error().message;
  ASSERT_EQ(report->alerts.size(), 2u);
  ExpectOnePage(report->alerts[0]);
  EXPECT_TRUE(report->alerts[1].pages.empty());
  EXPECT_EQ(report->evaluations, 160u);  // two rules, at 80 slots in 40 minutes
  EXPECT_EQ(report->failures, 0u);
}

TEST(Backtest, IsTheSameWhateverIsFetchedAtOnce) {
  for (const Millis chunk : {Millis(kMinute), Millis(7 * kMinute), Millis(600 * kMinute)}) {
    for (const Millis longest : {Millis(3 * kMinute), Millis(600 * kMinute)}) {
      History history;
      history.longest = longest;
      BacktestOptions options;
      options.chunk = chunk;
      const auto report = Replay(kHigh, history, options);
      ASSERT_TRUE(report.ok()) << report.error().message;
      ExpectOnePage(report->alerts[0]);
    }
  }
}

TEST(Backtest, LeavesOpenWhatStillFires) {
  History history;
  BacktestOptions options;
  options.to = kStart + 25 * kMinute;
  const auto report = Replay(kHigh, history, options);
  ASSERT_TRUE(report.ok());
  ASSERT_EQ(report->alerts[0].pages.size(), 1u);
  EXPECT_EQ(report->alerts[0].pages[0].resolved_at, 0);
}

TEST(Backtest, RulesSeeWhatTheyRecordedAndNothingElseOfThatName) {
  History history;
  const auto report = Replay("      - {record: copy, expr: x}\n" + kHigh +
                                 "      - {alert: Copied, expr: copy > 0, for: 2m}\n"
                                 "      - {alert: Told, expr: "
                                 "'ALERTS{alertname=\"High\",alertstate=\"firing\"} == 1'}\n"
                                 "      - {alert: Before, expr: 'max_over_time(copy[30m]) > "
                                 "0 unless copy > 0'}\n",
                             history);
  ASSERT_TRUE(report.ok()) << report.error().message;
  EXPECT_THAT(history.asked, testing::ElementsAre("x"));
  ExpectOnePage(report->alerts[0]);
  ExpectOnePage(report->alerts[1]);
  ASSERT_EQ(report->alerts[2].pages.size(), 1u);
  EXPECT_EQ(report->alerts[2].pages[0].fired_at, report->alerts[0].pages[0].fired_at);
  ASSERT_EQ(report->alerts[3].pages.size(), 1u);
  EXPECT_EQ(report->alerts[3].pages[0].fired_at, report->alerts[0].pages[0].resolved_at);
}

TEST(Backtest, SaysWhatFailed) {
  History history;
  const auto failed = Replay(
      "      - alert: Two\n"
      "        expr: label_replace(x, \"instance\", \"b\", \"\", \"\") or x\n"
      "        labels: {instance: c}\n",
      history);
  ASSERT_TRUE(failed.ok());
  EXPECT_EQ(failed->failures, 80u);
  ASSERT_EQ(failed->errors.size(), 1u);
  EXPECT_THAT(failed->errors[0], testing::StartsWith("g: rule Two: "));
}

TEST(Backtest, RefusesWhatCantBeReplayed) {
  History history;
  const auto says = [&](const std::string& rules, const BacktestOptions& options) {
    const auto report = Replay(rules, history, options);
    return report.ok() ? "(no error)" : report.error().message;
  };
  EXPECT_THAT(says("      - {alert: A, expr: x @ 5 > 0}\n", {}),
              testing::StartsWith("r.yml:5:9: an expression with @ TIME"));
  BacktestOptions small;
  small.max_bytes = 1;
  EXPECT_THAT(says(kHigh, small), testing::HasSubstr("take"));
  BacktestOptions backwards;
  backwards.to = kStart;
  EXPECT_THAT(says(kHigh, backwards), testing::HasSubstr("before it begins"));
  history.longest = Millis(1);
  EXPECT_EQ(says(kHigh, {}), "too many samples");
}

TEST(SeriesNeeded, FollowsRangesAndOffsets) {
  const auto needs = SeriesNeeded(Read("      - {alert: A, expr: 'rate(a[10m] offset 1h) + b + "
                                       "max_over_time(rate(c[1m])[2h:])'}\n"
                                       "      - {alert: B, expr: 'a{i=\"1\"} offset -5m > 0'}\n"
                                       "      - {record: made, expr: a}\n"
                                       "      - {alert: C, expr: made offset 2d > 0}\n"),
                                  Millis(5 * kMinute));
  ASSERT_TRUE(needs.ok()) << needs.error().message;
  ASSERT_EQ(needs->series.size(), 3u);
  const NeededSeries& a = needs->series.at("a");
  EXPECT_THAT(a.selectors, testing::ElementsAre("a", R"(a{i="1"})"));
  EXPECT_EQ(a.back, Millis(75 * kMinute));  // 10m + 1h + the lookback
  EXPECT_EQ(a.ahead, Millis(5 * kMinute));
  EXPECT_EQ(needs->series.at("b").back, Millis(5 * kMinute));
  EXPECT_EQ(needs->series.at("c").back, Millis(126 * kMinute));
  EXPECT_EQ(needs->longest_back, Millis((2 * 24 * 60 + 5) * kMinute));
}

TEST(SeriesNeeded, TakesWhatHasNoNameFromAllButTheRulesOwn) {
  const auto needs = SeriesNeeded(
      Read("      - {alert: A, expr: '{job=\"x\"} > 0 and a offset 1h > 0'}\n"), Millis(0));
  ASSERT_TRUE(needs.ok());
  EXPECT_THAT(needs->series.at("").selectors,
              testing::ElementsAre(R"({__name__!="ALERTS",__name__!="ALERTS_FOR_STATE",job="x"})"));
  EXPECT_EQ(needs->series.at("").back,
            Millis(60 * kMinute));  // as far as any, since it finds any
}

}  // namespace
}  // namespace tierwatch
