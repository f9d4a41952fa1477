// The data set as Prometheus has it after a remote write: each sample is what our store has.
#include <gtest/gtest.h>

#include <set>

#include "alerts/series/store.h"
#include "tests/live/promql_differential/engines.h"
#include "tests/support/promql/samples.h"

namespace tierwatch {
namespace {

TEST(RemoteWriteTest, PrometheusHasWhatTheStoreHas) {
  if (!PrometheusServer::Exists()) GTEST_SKIP() << "no prometheus here";
  constexpr int kRounds = 120;
  const std::vector<series::Sample> samples = PromqlSamples(kRounds);
  PrometheusServer server;
  server.Write(samples);
  series::Store store({{}, Millis(0)});
  store.Append("test", samples);

  std::set<std::string> metrics;
  for (const series::Sample& sample : samples) metrics.emplace(sample.labels.Get(kMetricName));
  EXPECT_GE(metrics.size(), 12u);
  const promql::Engine engine;
  for (const std::string& metric : metrics) {
    Question question{metric + "[1h]"};
    question.start = question.end = kSamplesStart + kRounds * kSamplesInterval.count();
    const auto expr = promql::Parse(question.text);
    ASSERT_TRUE(expr.ok());
    const Answer theirs = Ask(server, question);
    EXPECT_FALSE(theirs.series.empty()) << theirs.ToString();
    // Bounds of buckets are correctly rounded here; theirs are products of rounded ones.
    const Answer ours = ToAnswer(engine.Instant(*expr, store, question.start));
    EXPECT_EQ(Difference(theirs, ours, 1e-15), "");
  }
}

}  // namespace
}  // namespace tierwatch
