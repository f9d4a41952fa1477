// `tierwatch test rules` as people call it, with promtool's verdicts on promtool's own test files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "exporter/commands/junit.h"
#include "tests/support/conformance.h"
#include "tests/support/process.h"

namespace tierwatch {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

ProcessResult TestRules(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {TIERWATCH_BINARY, "test", "rules"});
  return RunProcess(std::move(arguments));
}

// Verdicts: TestRulesUnitTest and TestRulesUnitTestRun in Prometheus 3.14's
// cmd/promtool/unittest_test.go.
TEST(RuleTestCommand, GivesPromtoolsVerdicts) {
  if (!std::filesystem::exists(ConformancePath("promtool"))) {
    GTEST_SKIP() << "no " << ConformancePath("promtool");
  }
  const struct {
    std::string file;
    std::vector<std::string> options;
    int status;
    std::string reason;  // found in what is printed
  } cases[] = {
      {"unittest.yml", {}, 0, "SUCCESS"},
      {"long-period.yml", {}, 0, "SUCCESS"},
      {"at-modifier-test.yml", {}, 0, "SUCCESS"},
      {"negative-offset-test.yml", {}, 0, "SUCCESS"},
      {"no-test-group-interval.yml", {}, 0, "SUCCESS"},
      {"start-time-test.yml", {}, 0, "SUCCESS"},
      {"bad-input-series.yml", {}, 1, "bad-input-series.yml:3:17: unexpected text in label set"},
      {"bad-promql.yml", {}, 1, "found duplicate series for the match group {a=\"1\"}"},
      {"bad-rules-syntax-test.yml", {}, 1, "bad-rules-syntax.yml:7:22: could not parse"},
      {"bad-rules-error-test.yml", {}, 1, "rule joined: found duplicate series"},
      {"failing.yml", {}, 1, "alertname: InstanceDown, time: 5m"},
      {"rules_run.yml", {}, 1, "wrong test"},
      {"rules_run.yml", {"--run", "correct", "--run", "wrong"}, 1, "wrong test"},
      {"rules_run.yml", {"--run", "correct"}, 0, "SUCCESS"},
      {"rules_run.yml", {"--run", "wrong"}, 1, "exp: test 1\n        got: test 0"},
      {"rules_run_extrafields.yml", {"--ignore-unknown-fields"}, 0, "SUCCESS"},
      {"rules_run_extrafields.yml", {}, 1, "unknown key \"ownership\""},
      {"rules_run_no_fuzzy.yml", {}, 1, "got: test_low 2.9999999999999996"},
      {"rules_run_fuzzy.yml", {"--run", "correct"}, 0, "SUCCESS"},
      {"rules_run_fuzzy.yml", {"--run", "wrong"}, 1, "got: test_high 3.0000000000000013"},
  };
  for (const auto& c : cases) {
    std::vector<std::string> arguments = {ConformancePath("promtool/" + c.file)};
    arguments.insert(arguments.end(), c.options.begin(), c.options.end());
    const ProcessResult result = TestRules(arguments);
    EXPECT_EQ(result.status, c.status) << c.file << "\n" << result.output;
    EXPECT_THAT(result.output, HasSubstr(c.reason)) << c.file;
    EXPECT_THAT(result.output, HasSubstr(c.status == 0 ? "  SUCCESS" : "  FAILED:")) << c.file;
  }
}

constexpr const char* kTest = R"(rule_files: [rules/*.yml]
tests:
  - name: pressed
    input_series: [{series: 'pressure{service="s",target="t"}', values: 0.5x10}]
    alert_rule_test:
      - {eval_time: 1m, alertname: Pressed}
      - eval_time: 2m
        alertname: Pressed
        exp_alerts: [{exp_labels: {severity: page, service: s, target: t}}]
)";

TEST(RuleTestCommand, SignalsComeFromBesideTheRulesOrFromWhereItIsSaid) {
  const TempDir dir;
  dir.Write("rules/own.yml",
            "alerts:\n- {name: Pressed, severity: page, condition: load > 40%, duration: 2m}\n");
  const std::string test = dir.Write("test.yml", kTest);
  const ProcessResult without = TestRules({test});
  EXPECT_EQ(without.status, 1);
  EXPECT_THAT(without.output, HasSubstr("rules/own.yml:2:"));
  const std::string signals = "signals: {load: {unit: ratio, expr: pressure}}\n";
  const std::string elsewhere = dir.Write("elsewhere.yml", signals);
  EXPECT_EQ(TestRules({test, "--signals", elsewhere}).status, 0);
  dir.Write("signals.yml", signals);  // beside the test: not where rules look
  EXPECT_EQ(TestRules({test}).status, 1);
  std::filesystem::create_directory(dir.path() + "/other");
  std::filesystem::rename(dir.path() + "/rules/own.yml", dir.path() + "/other/own.yml");
  dir.Write("other/signals.yml", signals);
  EXPECT_EQ(
      TestRules({dir.Write("other.yml", ReadFile(test).replace(13, 11, "other/o*.yml"))}).status,
      0);
}

TEST(RuleTestCommand, TellsEachFileAndEachMistake) {
  const TempDir dir;
  const std::string good = dir.Write("good.yml", "rule_files: [absent-*.yml]\ntests: [{}]\n");
  const std::string bad = dir.Write("bad.yml", "rule_file: []\ntests: 5\n");
  const ProcessResult result = TestRules({good, bad, dir.path() + "/absent.yml"});
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.output, AllOf(HasSubstr("WARNING: no file matches " + dir.path() + "/absent-"),
                                   HasSubstr("good.yml\n  SUCCESS\n"),
                                   HasSubstr("bad.yml:1:1: unknown key \"rule_file\""),
                                   HasSubstr("bad.yml:2:8: \"tests\" must be a list"),
                                   HasSubstr("absent.yml: No such file or directory")));
  EXPECT_EQ(TestRules({good, "--run", "("}).status, 2);
  EXPECT_EQ(TestRules({}).status, 2);
}

TEST(RuleTestCommand, WritesJunitXmlAndShowsSamples) {
  const TempDir dir;
  const std::string test = dir.Write("test.yml", R"(tests:
  - name: a <& "b"
    input_series: [{series: up, values: 7}]
    promql_expr_test: [{expr: up < 8}]
  - promql_expr_test: [{expr: vector(1), exp_samples: [{value: 1}]}]
)");
  const std::string bad = dir.Write("bad.yml", "tests: 5\n");
  const std::string xml = dir.path() + "/out.xml";
  const ProcessResult result = TestRules({test, bad, "--junit", xml, "--debug"});
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.output, HasSubstr("up =>\n7 @[0]\n"));
  EXPECT_THAT(
      ReadFile(xml),
      AllOf(HasSubstr("test.yml\" tests=\"2\" failures=\"1\" errors=\"0\""),
            HasSubstr("<testcase name=\"a &lt;&amp; &#34;b&#34;\">\n      <failure>    "),
            HasSubstr("expr: &#34;up &lt; 8&#34;"), HasSubstr("<testcase name=\"unnamed#1\">"),
            HasSubstr("bad.yml\" tests=\"1\" failures=\"0\" errors=\"1\""),
            HasSubstr("must be a list, not &#34;5&#34;")));
  EXPECT_THAT(TestRules({test, "--junit", dir.path() + "/no/out.xml"}).output,
              HasSubstr("--junit: "));
}

TEST(Junit, EscapesWhatXmlCannotHold) {
  const std::string xml = JunitXml({{"s", "t", {{"a\x01\xff\n", {"1", "2"}, ""}}}});
  EXPECT_THAT(xml, HasSubstr("name=\"a\uFFFD\uFFFD&#xA;\""));
  EXPECT_THAT(xml, HasSubstr("<failure>1</failure>\n      <failure>2</failure>"));
  EXPECT_THAT(xml, Not(HasSubstr("<error>")));
}

}  // namespace
}  // namespace tierwatch
