#include "exporter/chart/question.h"

#include <gmock/gmock.h>

#include "alerts/series/store.h"
#include "tests/support/fake_clock.h"

namespace tierwatch {
namespace {

constexpr TimestampMs kEnd = 1'762'545'600'000;
constexpr TimestampMs kStep = 15'000;  // an hour in 240 moments

// A store with samples at the moments that a chart of the last hour asks for.
class ChartQuestionTest : public testing::Test {
 protected:
  // The same value from `from` to `to` moments before the end.
  void Keep(const Labels& labels, int from, int to, double value) {
    for (int i = from; i >= to; --i) {
      const series::Sample sample{labels, kEnd - i * kStep, value};
      store_.Append("test", std::span(&sample, 1));
    }
    const series::Sample end{labels, kEnd - to * kStep + 1, series::StaleMarker()};
    store_.Append("test", std::span(&end, 1));
  }
  Chart Ask(const std::string& expr, std::optional<Labels> alert = std::nullopt) {
    const Result<Chart> chart =
        AskChart({.expr = expr, .alert = std::move(alert), .end = kEnd}, {engine_, store_, clock_});
    EXPECT_TRUE(chart.ok()) << chart.error().message;
    return chart.ok() ? *chart : Chart{};
  }

  const FakeClock clock_{kEnd};
  series::Store store_;
  const promql::Engine engine_;
};

TEST_F(ChartQuestionTest, OfAConditionTheLeftSideIsDrawnAndTheLimitKept) {
  Keep({{"__name__", "lag_seconds"}}, 40, 1, 3);
  for (const char* expr : {"lag_seconds > 10 * 60", "(10 * 60 < (lag_seconds))"}) {
    const Chart chart = Ask(expr);
    ASSERT_EQ(chart.lines.size(), 1u) << expr;  // though 3 is below the limit
    EXPECT_EQ(chart.lines[0].points.size(), 40u);
    EXPECT_EQ(chart.limit, 600);
    EXPECT_EQ(chart.unit, Unit::kSeconds);
  }
  EXPECT_EQ(Ask("lag_seconds").limit, std::nullopt);
  EXPECT_EQ(Ask("lag_seconds > lag_seconds").limit, std::nullopt);
}

TEST_F(ChartQuestionTest, TheAlertsOwnLineComesFirstAndItsStatesAreSpans) {
  const Labels alert{{"alertname", "Slow"}, {"instance", "b"}, {"severity", "page"}};
  for (const char* instance : {"a", "b"})
    Keep({{"__name__", "lag_seconds"}, {"instance", instance}}, 100, 1, 3);
  const auto state = [&](const char* instance, const char* name, int from, int to) {
    Keep({{"__name__", "ALERTS"},
          {"alertname", "Slow"},
          {"alertstate", name},
          {"instance", instance},
          {"severity", "page"}},
         from, to, 1);
  };
  state("b", "pending", 50, 41);
  state("b", "firing", 40, 31);
  state("a", "firing", 9, 1);
  const Chart chart = Ask("lag_seconds > 1", alert);
  EXPECT_EQ(chart.title, "Slow");
  ASSERT_EQ(chart.lines.size(), 2u);
  EXPECT_EQ(chart.lines[0].name, "instance=b");
  EXPECT_TRUE(chart.lines[0].accused);
  EXPECT_FALSE(chart.lines[1].accused);
  std::map<bool, ChartSpan> spans;
  for (const ChartSpan& span : chart.spans) spans[span.firing] = span;
  ASSERT_EQ(chart.spans.size(), 2u);
  EXPECT_EQ(spans[true].from, kEnd - 41 * kStep);  // seen at 40, so it began after 41
  EXPECT_EQ(spans[true].to, kEnd - 31 * kStep);
  EXPECT_EQ(spans[false].to, kEnd - 41 * kStep);
}

TEST_F(ChartQuestionTest, ManyLinesAreCutAndNoneIsSaid) {
  for (int i = 0; i < 30; ++i) Keep({{"__name__", "up"}, {"instance", std::to_string(i)}}, 3, 1, 1);
  const Chart chart = Ask("up", Labels{{"alertname", "Down"}, {"instance", "29"}});
  EXPECT_EQ(chart.lines.size(), 20u);
  EXPECT_EQ(chart.left_out, 10u);
  EXPECT_EQ(chart.lines[0].name, "instance=29");
  EXPECT_EQ(Ask("nothing").note, "no samples of this time");
}

TEST_F(ChartQuestionTest, WhatHasNoValueOverTimeIsRefused) {
  for (const char* expr : {"up[5m]", "\"text\"", "up >", ""}) {
    EXPECT_FALSE(AskChart({.expr = expr, .end = kEnd}, {engine_, store_, clock_}).ok()) << expr;
  }
}

}  // namespace
}  // namespace tierwatch
