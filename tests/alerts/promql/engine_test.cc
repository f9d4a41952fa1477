// Small evaluations by hand arithmetic; the breadth is in conformance_test.cc.
#include <gtest/gtest.h>

#include <string>

#include "alerts/promql/promql.h"
#include "alerts/series/store.h"

namespace tierwatch::promql {
namespace {

class EngineTest : public testing::Test {
 protected:
  EngineTest() : store_({{}, Millis(0)}) {
    // Two counters, 1 and 2 per second, each 10 s for 10 minutes.
    for (TimestampMs time = 0; time <= 600'000; time += 10'000) {
      const double seconds = static_cast<double>(time) / 1000;
      const series::Sample samples[] = {
          {Labels{{"__name__", "hits_total"}, {"tier", "l1"}}, time, seconds},
          {Labels{{"__name__", "hits_total"}, {"tier", "l2"}}, time, 2 * seconds},
      };
      store_.Append("test", samples);
    }
  }

  Vector Instant(const std::string& text, TimestampMs time = 600'000, EngineOptions options = {}) {
    const Result<ExprPtr> expr = Parse(text);
    EXPECT_TRUE(expr.ok());
    Result<QueryResult> result = Engine(options).Instant(*expr, store_, time);
    EXPECT_TRUE(result.ok()) << result.error().message;
    return std::get<Vector>(std::move(result->value));
  }

  series::Store store_;
};

TEST_F(EngineTest, RateExtrapolatesToTheWindow) {
  // (300 s, 600 s] holds 310 … 600: 290 over 290 s; 10 s are missing on the left, within 1.1
  // intervals.
  const Vector rates = Instant("rate(hits_total[5m])");
  ASSERT_EQ(rates.size(), 2u);
  EXPECT_DOUBLE_EQ(rates[0].value, 1);
  EXPECT_DOUBLE_EQ(rates[1].value, 2);
  EXPECT_EQ(rates[0].labels, (Labels{{"tier", "l1"}}));
}

TEST_F(EngineTest, ExtendedRangesHaveValuesAtTheirEdges) {
  // (295 s, 325 s]: samples at 300, 310 and 320; beside them 290 and 330.
  const auto points = [&](const std::string& modifier) {
    const Result<ExprPtr> expr = Parse("hits_total{tier='l2'}[30s] " + modifier);
    const Result<QueryResult> result = Engine().Instant(*expr, store_, 325'000);
    EXPECT_TRUE(result.ok()) << result.error().message;
    return std::get<Matrix>(result->value).at(0).points;
  };
  using Points = std::vector<std::pair<TimestampMs, double>>;
  EXPECT_EQ(
      points("anchored"),
      (Points{{295'000, 580}, {300'000, 600}, {310'000, 620}, {320'000, 640}, {325'000, 640}}));
  EXPECT_EQ(
      points("smoothed"),
      (Points{{295'000, 590}, {300'000, 600}, {310'000, 620}, {320'000, 640}, {325'000, 650}}));
}

TEST_F(EngineTest, WindowsAreLeftOpen) {
  EXPECT_EQ(Instant("count_over_time(hits_total{tier=\"l1\"}[10s])")[0].value, 1);
  EXPECT_TRUE(Instant("hits_total", 900'000).empty());
  EXPECT_EQ(Instant("hits_total", 899'999).size(), 2u);
}

TEST_F(EngineTest, AggregatesAndJoins) {
  EXPECT_EQ(Instant("sum(hits_total)")[0].value, 1800);
  EXPECT_EQ(Instant("hits_total / on() group_left() sum(hits_total)").size(), 2u);
  EXPECT_DOUBLE_EQ(Instant("hits_total{tier=\"l1\"} / on() sum(hits_total)")[0].value,
                   600.0 / 1800);
}

TEST_F(EngineTest, RangeGivesEveryStep) {
  const Result<ExprPtr> expr = Parse("sum(hits_total)");
  const Result<QueryResult> result = Engine().Range(*expr, store_, 0, 100'000, Millis(50'000));
  ASSERT_TRUE(result.ok());
  const Matrix& matrix = std::get<Matrix>(result->value);
  ASSERT_EQ(matrix.size(), 1u);
  const std::vector<std::pair<TimestampMs, double>> points = {
      {0, 0}, {50'000, 150}, {100'000, 300}};
  EXPECT_EQ(matrix[0].points, points);
}

TEST_F(EngineTest, StaleSeriesAreGoneAtOnce) {
  const series::Sample marker[] = {
      {Labels{{"__name__", "hits_total"}, {"tier", "l1"}}, 605'000, series::StaleMarker()}};
  store_.Append("test", marker);
  EXPECT_EQ(Instant("hits_total", 604'999).size(), 2u);
  EXPECT_EQ(Instant("hits_total", 605'000).size(), 1u);
}

TEST_F(EngineTest, NotesHaveTheirPlace) {
  const Result<ExprPtr> expr = Parse("quantile(2, hits_total)");
  const Result<QueryResult> result = Engine().Instant(*expr, store_, 600'000);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->warnings,
            std::vector<std::string>{
                "PromQL warning: quantile value should be between 0 and 1, got 2 (1:10)"});
}

TEST_F(EngineTest, SampleLimitEndsAQuery) {
  EngineOptions options;
  options.max_samples = 1000;
  const Engine engine(options);
  for (const char* text :
       {"hits_total[1y:1ms]", "sum_over_time(vector(1)[1y:1ms])", "rate(hits_total[10m:1s])"}) {
    const Result<QueryResult> result = engine.Instant(*Parse(text), store_, 600'000);
    ASSERT_FALSE(result.ok()) << text;
    EXPECT_EQ(result.error().reason, Reason::kLimit) << text;
  }
  EXPECT_FALSE(engine.Range(*Parse("1"), store_, 0, 1'000'000'000'000, Millis(1)).ok());
}

}  // namespace
}  // namespace tierwatch::promql
