#include "alerts/rules/rule_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "alerts/rules/rule_file.h"
#include "tests/support/files.h"

namespace tierwatch {
namespace {

MetricCatalog Catalog() {
  MetricCatalog catalog;
  catalog.owned_prefix = "tierwatch_";
  const LabelFacts target{{{"service", {Presence::kSure, {}}}, {"target", {Presence::kSure, {}}}},
                          Presence::kUnknown};
  LabelFacts tier = target;
  tier.Set("tier", {Presence::kLikely, {}});
  catalog.metrics = {{"tierwatch_cache_entries", target},
                     {"tierwatch_cache_hits_total", target},
                     {"tierwatch_cache_tier_available", tier}};
  return catalog;
}

std::string Findings(const std::string& text, const std::string& file,
                     const MetricCatalog& catalog = Catalog()) {
  SignalTable signals;
  Diagnostics diagnostics;
  ReadSignals(ReadFile(SourcePath("rules/signals.yml")), "signals.yml", signals, diagnostics);
  const auto groups = ReadRules(text, file, signals, {}, diagnostics);
  EXPECT_EQ(diagnostics.ToString(), "");
  RuleText places(std::map<std::string, std::string>{{file, text}});
  std::string findings;
  for (const RuleFinding& finding : CheckRules(groups, catalog, places))
    findings += finding.ToString() + "\n";
  return findings;
}

std::string FindingsOf(const std::string& expr) {
  return Findings("groups: [{name: g, rules: [{alert: A, expr: '" + expr + "'}]}]", "f.yml");
}

TEST(RuleCheck, FindsWhatNeverFiresAndWhere) {
  std::istringstream got(
      Findings(ReadFile(SourcePath("tests/fixtures/rules/lint.yml")), "lint.yml"));
  std::istringstream want(ReadFile(SourcePath("tests/fixtures/rules/lint.findings")));
  std::string found, start;
  while (std::getline(want, start)) {
    if (!std::getline(got, found)) found = "(no finding)";
    EXPECT_THAT(found, testing::StartsWith(start));
  }
  EXPECT_FALSE(std::getline(got, found)) << "also: " << found;
}

TEST(RuleCheck, IsSilentAboutSoundRules) {
  EXPECT_EQ(Findings(ReadFile(SourcePath("tests/fixtures/rules/sound.yml")), "sound.yml"), "");
}

TEST(RuleCheck, IsSilentAboutPrometheussOwnRules) {
  const char* given = std::getenv("TIERWATCH_CONFORMANCE");
  const std::string folder = given != nullptr ? given : SourcePath("../shared/conformance");
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "no conformance folder";
  for (const std::string name :
       {"rules.yml", "features.yml", "at-modifier.yml", "negative-offset.yml"}) {
    EXPECT_EQ(Findings(ReadFile(folder + "/promtool/" + name), name), "");
  }
  // Its lint counts three of one rule, and two of another.
  const auto lines = [&](const std::string& name) {
    const std::string text = Findings(ReadFile(folder + "/promtool/" + name), name);
    return std::count(text.begin(), text.end(), '\n');
  };
  EXPECT_EQ(lines("rules_duplicates.yml"), 2);
  EXPECT_EQ(lines("prometheus-rules.lint.yml"), 1);
}

TEST(RuleCheck, TakesTheOverridesOfAnAlertForNoDuplicates) {
  MetricCatalog any;
  EXPECT_EQ(Findings(ReadFile(SourcePath("tests/fixtures/rules/good_overrides.yml")), "o.yml", any),
            "");
}

TEST(RuleCheck, FollowsLabelsThroughExpressions) {
  const auto mismatch = testing::HasSubstr("never matches");
  EXPECT_THAT(FindingsOf("a{x=\"1\"} + on (x) b{x=\"2\"}"), mismatch);
  EXPECT_EQ(FindingsOf("a{x=\"1\"} + on (y) b{x=\"2\"}"), "");
  EXPECT_EQ(FindingsOf("a{x=\"1\"} + ignoring (x) b{x=\"2\"}"), "");
  EXPECT_EQ(FindingsOf("a{x=\"1\"} + fill (0) b{x=\"2\"}"), "");
  EXPECT_EQ(FindingsOf("a{x=\"1\"} or b{x=\"2\"}"), "");
  EXPECT_THAT(FindingsOf("a{x=\"1\"} unless b{x=\"2\"}"), testing::HasSubstr("takes nothing away"));
  EXPECT_THAT(FindingsOf("a{x=\"1\"} + sum(b)"), mismatch);
  EXPECT_THAT(FindingsOf("a{x=\"1\"} + sum without (x) (b)"), mismatch);
  EXPECT_EQ(FindingsOf("a{x=\"1\"} + on () group_left () sum(b)"), "");
  EXPECT_EQ(FindingsOf("a{x=\"1\"} + label_replace(sum(b), \"x\", \"1\", \"\", \"\")"), "");
  EXPECT_THAT(FindingsOf("label_replace(a{x!=\"\"}, \"y\", \"1\", \"\", \"\") + sum by (y) (b)"),
              mismatch);
  EXPECT_THAT(FindingsOf("(a{x=\"1\"} or b{x=\"1\"}) + c{x=\"2\"}"), mismatch);
  EXPECT_EQ(FindingsOf("(a{x=\"1\"} or b{x=\"2\"}) + c{x=\"2\"}"), "");
  EXPECT_THAT(FindingsOf("histogram_quantile(0.5, a{le!=\"\"}) + on (le) b{le=\"1\"}"), mismatch);
  EXPECT_EQ(FindingsOf("sum by (a, b) (x) + on (a) group_left () sum by (a) (y)"), "");
}

TEST(RuleCheck, KnowsWhatValuesCanBe) {
  const auto never = testing::HasSubstr("never holds");
  EXPECT_THAT(FindingsOf("count(a) < 1"), never);
  EXPECT_EQ(FindingsOf("count(a) <= 1"), "");
  EXPECT_THAT(FindingsOf("0 == count(a)"), never);
  EXPECT_THAT(FindingsOf("vector(1) > 2 - 1"), never);
  EXPECT_EQ(FindingsOf("vector(1) >= 2 - 1"), "");
  EXPECT_THAT(FindingsOf("(a > bool 1) == 2"), never);
  EXPECT_THAT(FindingsOf("abs(a) < 0"), never);
  EXPECT_THAT(FindingsOf("-count(a) > 0"), never);
  EXPECT_EQ(FindingsOf("a > 0 < 0.5"), "");
  EXPECT_EQ(FindingsOf("(count(a) or vector(0)) == 0"), "");
  EXPECT_EQ(FindingsOf("a != a"), "");  // true of NaN
}

TEST(RuleCheck, TakesWhatAServerHasForAllThereIs) {
  MetricCatalog server;
  server.owned_prefix = "";
  server.unknown = "it has no";
  server.unknown_is_error = false;
  server.metrics = {{"here", {}}};
  const std::string text =
      "groups: [{name: g, rules: [{record: made, expr: here}, {alert: A, expr: made + gone + "
      "ALERTS}]}]";
  EXPECT_THAT(Findings(text, "f.yml", server), "f.yml:1:80: warning: it has no gone\n");
}

TEST(RuleCheck, PointsToConditions) {
  EXPECT_EQ(
      Findings("alerts:\n  - name: A\n    severity: page\n    condition: hit_rate < 60%\n", "a.yml")
          .substr(0, 18),
      "a.yml:4:16: error:");
}

}  // namespace
}  // namespace tierwatch
