#include "alerts/rules/rule_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "alerts/rules/rule_export.h"
#include "base/duration.h"
#include "tests/support/files.h"
#include "tests/support/process.h"

namespace tierwatch {
namespace {

std::string Fixture(const std::string& name) {
  return ReadFile(SourcePath("tests/fixtures/rules/" + name));
}

SignalTable Signals() {
  SignalTable signals;
  Diagnostics diagnostics;
  ReadSignals(ReadFile(SourcePath("rules/signals.yml")), "signals.yml", signals, diagnostics);
  EXPECT_EQ(diagnostics.ToString(), "");
  return signals;
}

std::vector<RuleGroup> ReadWell(const std::string& text, const std::string& file) {
  Diagnostics diagnostics;
  auto groups = ReadRules(text, file, Signals(), {}, diagnostics);
  EXPECT_EQ(diagnostics.ToString(), "");
  return groups;
}

std::string TextOf(const std::vector<TemplatedText>& texts, std::string_view name) {
  for (const TemplatedText& text : texts) {
    if (text.name == name) return text.text.text();
  }
  return "(absent)";
}

/// Each line of NAME.findings begins the finding at the same position; a line may end where a
/// message is another's.
void CheckFindings(const std::string& findings, const std::string& expected) {
  std::istringstream got(findings);
  std::istringstream want(expected);
  std::string found, start;
  while (std::getline(want, start)) {
    if (!std::getline(got, found)) found = "(no finding)";
    EXPECT_THAT(found, testing::StartsWith(start));
  }
  EXPECT_FALSE(std::getline(got, found)) << "also: " << found;
}

TEST(RuleFile, ReadsTheWatchedSystemsAlertsToTheLetter) {
  struct Expected {
    std::string name, severity;
    Millis duration;
  };
  const Expected expected[] = {{"CacheBackendDown", "critical", Millis{60'000}},
                               {"HighErrorRate", "critical", Millis{300'000}},
                               {"HighLatency", "warning", Millis{600'000}},
                               {"LowHitRate", "warning", Millis{900'000}}};
  const auto seed = ReadWell(Fixture("seed.yml"), "seed.yml");
  const auto shipped = ReadWell(ReadFile(SourcePath("rules/cache.yml")), "rules/cache.yml");
  ASSERT_EQ(seed.size(), 1u);
  ASSERT_EQ(shipped.size(), 1u);
  EXPECT_EQ(shipped[0].name, "cache");
  ASSERT_EQ(seed[0].rules.size(), 4u);
  ASSERT_EQ(shipped[0].rules.size(), 4u);
  for (std::size_t i = 0; i < 4; ++i) {
    for (const Rule* rule : {&seed[0].rules[i], &shipped[0].rules[i]}) {
      EXPECT_EQ(rule->name, expected[i].name);
      EXPECT_EQ(TextOf(rule->labels, "severity"), expected[i].severity);
      EXPECT_EQ(rule->hold, expected[i].duration);
      EXPECT_EQ(rule->expr_text, seed[0].rules[i].expr_text);
    }
  }
  EXPECT_THAT(seed[0].rules[0].expr_text, testing::EndsWith(" == 0"));
  EXPECT_THAT(seed[0].rules[1].expr_text, testing::EndsWith(" > 0.01"));
  EXPECT_EQ(seed[0].rules[2].expr_text, "(tierwatch_cache_latency_p95_seconds) > 0.1");
  EXPECT_THAT(seed[0].rules[3].expr_text, testing::EndsWith(" < 0.6"));
}

TEST(RuleFile, ReadsGroups) {
  const auto groups = ReadWell(Fixture("good_groups.yml"), "good_groups.yml");
  ASSERT_EQ(groups.size(), 2u);
  EXPECT_EQ(groups[0].interval, Millis{30'000});
  EXPECT_EQ(groups[0].query_offset, Millis{5'000});
  EXPECT_EQ(groups[0].limit, 10);
  EXPECT_EQ(groups[1].interval, Millis{15'000});
  const Rule& record = groups[0].rules[0];
  EXPECT_EQ(record.kind, Rule::Kind::kRecording);
  EXPECT_EQ(TextOf(record.labels, "tier"), "{{ plain }}");
  EXPECT_EQ(TextOf(record.labels, "team"), "cache");
  const Rule& alert = groups[0].rules[1];
  EXPECT_EQ(alert.keep_firing, Millis{600'000});
  EXPECT_EQ(alert.labels.size(), 3u);
}

TEST(RuleFile, ReadsItsOwnFormatsExtensions) {
  const auto groups = ReadWell(Fixture("good_alerts.yml"), "dir/good_alerts.yml");
  ASSERT_EQ(groups.size(), 1u);
  EXPECT_EQ(groups[0].interval, Millis{10'000});
  const Rule& rule = groups[0].rules[0];
  EXPECT_EQ(rule.hold.count(), 0);
  EXPECT_EQ(TextOf(rule.labels, "team"), "{{ $labels.service }}");
  EXPECT_EQ(TextOf(rule.annotations, "runbook_url"), "https://wiki.example.org/now");
  EXPECT_THAT(rule.expr_text, testing::HasSubstr("and on (service, target)"));
  EXPECT_THAT(rule.expr_text, testing::HasSubstr(" != 0"));
}

// Each series belongs to one rule at most: the selectors say so, worked out by hand.
TEST(RuleFile, MakesRulesOfOverrides) {
  const auto groups = ReadWell(Fixture("good_overrides.yml"), "good_overrides.yml");
  ASSERT_EQ(groups.size(), 1u);
  const std::vector<Rule>& rules = groups[0].rules;
  ASSERT_EQ(rules.size(), 3u);
  const std::string metric = "tierwatch_cache_latency_p95_seconds";
  EXPECT_EQ(rules[0].expr_text,
            "(" + metric + R"({environment!="dev",environment!="staging"}) > 0.1)");
  EXPECT_EQ(rules[1].expr_text, "(" + metric + R"({environment="staging",service!="slow"}) > 0.5)");
  EXPECT_EQ(rules[2].expr_text, "(" + metric + R"({environment="dev"}) > 0.1)");
  EXPECT_EQ(TextOf(rules[0].labels, "severity"), "critical");
  EXPECT_EQ(TextOf(rules[1].labels, "severity"), "warning");
  EXPECT_EQ(rules[1].hold, Millis{600'000});
  EXPECT_EQ(rules[2].hold, Millis{3'600'000});
  EXPECT_EQ(rules[1].keep_firing, Millis{300'000});
  EXPECT_EQ(rules[2].keep_firing, Millis{0});
}

TEST(RuleFile, LeavesToAnAlertWhatItsOverridesDontMatch) {
  const auto groups = ReadWell(R"(
alerts:
  - name: A
    severity: page
    condition: latency_p95 > 1s and error_rate > 1%
    overrides: [{match: {environment: staging, service: slow}, enabled: false}]
)",
                               "a.yml");
  ASSERT_EQ(groups[0].rules.size(), 1u);
  const std::string& text = groups[0].rules[0].expr_text;
  EXPECT_THAT(text,
              testing::HasSubstr(R"(tierwatch_cache_errors_total{environment!="staging"}[5m])"));
  EXPECT_THAT(text, testing::HasSubstr(") or ("));
  EXPECT_THAT(text,
              testing::HasSubstr(
                  R"(tierwatch_cache_latency_p95_seconds{environment="staging",service!="slow"})"));
}

TEST(RuleFile, FindsEverythingThatIsWrongAndWhere) {
  for (const std::string name : {"bad_groups", "bad_alerts", "bad_overrides"}) {
    SCOPED_TRACE(name);
    Diagnostics diagnostics;
    ReadRules(Fixture(name + ".yml"), name + ".yml", Signals(), {}, diagnostics);
    CheckFindings(diagnostics.ToString(), Fixture(name + ".findings"));
  }
  SignalTable signals;
  Diagnostics diagnostics;
  ReadSignals(Fixture("bad_signals.yml"), "bad_signals.yml", signals, diagnostics);
  CheckFindings(diagnostics.ToString(), Fixture("bad_signals.findings"));
}

TEST(RuleFile, ReportsAFileOfNeitherFormat) {
  const std::pair<std::string, std::string> cases[] = {
      {"rules: []", "f.yml:1:1: "},
      {"groups: []\nalerts: []", "f.yml:2:9: a rule file holds"},
      {"alerts: 5", "f.yml:1:9: found \"5\", expected a list"},
      {"[", "f.yml:"}};
  for (const auto& [text, want] : cases) {
    Diagnostics diagnostics;
    ReadRules(text, "f.yml", {}, {}, diagnostics);
    EXPECT_THAT(diagnostics.ToString(), testing::StartsWith(want)) << text;
  }
  EXPECT_TRUE(ReadWell("", "empty.yml").empty());
}

TEST(RuleExport, ReadsBackAsTheSameRules) {
  for (const std::string path :
       {"rules/cache.yml", "rules/database.yml", "rules/redis.yml",
        "tests/fixtures/rules/good_groups.yml", "tests/fixtures/rules/good_alerts.yml",
        "tests/fixtures/rules/good_overrides.yml"}) {
    const std::string once = ExportPrometheus(ReadWell(ReadFile(SourcePath(path)), path));
    EXPECT_EQ(ExportPrometheus(ReadWell(once, path)), once) << path;
  }
}

TEST(RuleExport, IsAcceptedByPromtool) {
  if (RunProcess({"sh", "-c", "command -v promtool"}).status != 0)
    GTEST_SKIP() << "promtool is not installed";
  const TempDir dir;
  const std::string exported = dir.Write(
      "cache.yml",
      ExportPrometheus(ReadWell(ReadFile(SourcePath("rules/cache.yml")), "rules/cache.yml")));
  const std::string overrides = dir.Write(
      "overrides.yml", ExportPrometheus(ReadWell(Fixture("good_overrides.yml"), "overrides.yml")));
  for (const auto& [path, count] :
       {std::pair(exported, "4 rules found"), std::pair(overrides, "3 rules found"),
        std::pair(SourcePath("rules/database.yml"), "17 rules found"),
        std::pair(SourcePath("rules/redis.yml"), "7 rules found")}) {
    // An override that keeps its alert's labels is what promtool's lint calls a duplicate.
    const std::string lint = path == overrides ? "--lint=none" : "--lint=all";
    const ProcessResult result = RunProcess({"promtool", "check", "rules", lint, path});
    EXPECT_EQ(result.status, 0) << result.output;
    EXPECT_THAT(result.output, testing::HasSubstr(count));
  }
}

}  // namespace
}  // namespace tierwatch
