#include "exporter/commands/rules_check_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "exporter/commands/prometheus_client.h"
#include "exporter/config.h"
#include "tests/support/files.h"
#include "tests/support/process.h"

namespace tierwatch {
namespace {

TEST(ExportedMetrics, LeaveNothingToSayOfTheShippedRules) {
  const std::string rules = SourcePath("rules/");
  Diagnostics diagnostics;
  const auto groups =
      ReadRuleFiles({rules + "cache.yml", rules + "database.yml", rules + "redis.yml"},
                    {rules + "signals.yml"}, {}, diagnostics);
  ASSERT_EQ(diagnostics.ToString(), "");
  RuleText text({});
  for (const RuleFinding& finding : CheckRules(groups, ExportedMetrics(), text))
    ADD_FAILURE() << finding.ToString();
}

TEST(ExportedMetrics, HaveTheirLabels) {
  const MetricCatalog catalog = ExportedMetrics();
  const LabelFacts& bucket =
      catalog.metrics.at("tierwatch_rule_evaluation_duration_seconds_bucket");
  EXPECT_EQ(bucket.Of("le").presence, Presence::kSure);
  EXPECT_EQ(bucket.Of("service").presence, Presence::kUnknown);
  const LabelFacts& tier = catalog.metrics.at("tierwatch_cache_tier_available");
  EXPECT_EQ(tier.Of("target").presence, Presence::kSure);
  EXPECT_EQ(tier.Of("tier").presence, Presence::kLikely);
}

TEST(CheckRules, WarningsAreFatalWhereAskedFor) {
  const TempDir dir;
  const std::string twice = dir.Write("twice.yml", R"(
groups: [{name: g, rules: [{alert: A, expr: up == 0}, {alert: A, expr: up == 0}]}]
)");
  const auto check = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {TIERWATCH_BINARY, "check", "rules", twice});
    return RunProcess(more);
  };
  EXPECT_EQ(check({}).status, 0);
  EXPECT_EQ(check({"--lint-fatal"}).status, 1);
  EXPECT_THAT(check({}).output, testing::HasSubstr("twice.yml:2:55: warning: A has the name"));
  EXPECT_EQ(check({"--url", "http://127.0.0.1:1"}).status, 2);
  EXPECT_EQ(check({"--interval", "soon"}).status, 2);
}

TEST(PrometheusClient, ReadsAMatrix) {
  const auto matrix =
      ReadMatrixAnswer(R"({"status":"success","data":{"resultType":"matrix","result":[
    {"metric":{"__name__":"a","x":"values"},"values":[[1.5,"2"],[2,"NaN"],[3.001,"+Inf"]]},
    {"metric":{},"values":[[4,"-1e3"]]}]},"warnings":["w"]})");
  ASSERT_TRUE(matrix.ok()) << matrix.error().message;
  ASSERT_EQ(matrix->size(), 2u);
  EXPECT_EQ((*matrix)[0].labels.ToString(), R"(a{x="values"})");
  ASSERT_EQ((*matrix)[0].points.size(), 3u);
  EXPECT_EQ((*matrix)[0].points[0], (std::pair<TimestampMs, double>(1500, 2)));
  EXPECT_TRUE(std::isnan((*matrix)[0].points[1].second));
  EXPECT_EQ((*matrix)[0].points[2].first, 3001);
  EXPECT_TRUE(std::isinf((*matrix)[0].points[2].second));
  EXPECT_EQ((*matrix)[1].points[0], (std::pair<TimestampMs, double>(4000, -1000)));
}

TEST(PrometheusClient, RefusesWhatIsNoMatrix) {
  const std::pair<std::string, std::string> cases[] = {
      {"", "no JSON"},
      {"[]", "no matrix"},
      {R"({"status":"success","data":{"resultType":"vector","result":[]}})", "no matrix"},
      {R"({"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[["1","2"]]}]}})",
       "a sample is not"},
      {R"({"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1,"x"]]}]}})",
       "a sample is not"},
      {R"({"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1e300,"1"]]}]}})",
       "out of range"},
      {R"({"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"histograms":[]}]}})",
       "native histograms"}};
  for (const auto& [json, why] : cases) {
    const auto matrix = ReadMatrixAnswer(json);
    ASSERT_FALSE(matrix.ok()) << json;
    EXPECT_THAT(matrix.error().message, testing::HasSubstr(why)) << json;
  }
}

}  // namespace
}  // namespace tierwatch
