// Test files of rules: what is read, and where each mistake is.
#include "alerts/rules/rule_test_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "alerts/series/float_histogram.h"

namespace tierwatch {
namespace {

TEST(RuleTestFile, ReadsEveryKey) {
  Diagnostics diagnostics;
  const RuleTestFile file = ReadRuleTestFile(R"(
rule_files: [a.yml, "b/*.yml"]
evaluation_interval: 30s
group_eval_order: [second, first]
fuzzy_compare: true
tests:
  - name: one
    interval: 5s
    start_timestamp: "2024-01-01T00:00:00Z"
    external_labels: {region: eu}
    external_url: http://tw
    input_series:
      - {series: 'up{job="a"}', values: 1 _ stale}
      - {series: 'down', values: 0}
      - {series: 'up{job="a"}', values: 3+1x2}
    alert_rule_test:
      - eval_time: 1m30s
        alertname: A
        exp_alerts: [{}, {exp_labels: {a: b}, exp_annotations: {c: d}}]
    promql_expr_test:
      - expr: up
        eval_time: 2m
        exp_samples:
          - {labels: 'up{b="2"}', value: -.inf}
          - {value: 0x10}
          - {labels: 'up{a="1"}', histogram: '{{count:2 buckets:[2]}}'}
  - start_timestamp: 1609459200.5
)",
                                             "t.yml", diagnostics);
  ASSERT_EQ(diagnostics.ToString(), "");
  EXPECT_THAT(file.rule_files, testing::ElementsAre("a.yml", "b/*.yml"));
  EXPECT_EQ(file.evaluation_interval, Millis(30'000));
  EXPECT_THAT(file.group_eval_order, testing::ElementsAre("second", "first"));
  EXPECT_TRUE(file.fuzzy_compare);
  ASSERT_EQ(file.tests.size(), 2u);
  const RuleTest& test = file.tests[0];
  EXPECT_EQ(test.name, "one");
  EXPECT_EQ(test.interval, Millis(5'000));
  EXPECT_EQ(test.start, 1'704'067'200'000);
  EXPECT_EQ(test.external_labels, Labels({{"region", "eu"}}));
  EXPECT_EQ(test.external_url, "http://tw");
  EXPECT_EQ(test.LastTime(), Millis(120'000));
  ASSERT_EQ(test.input.size(), 2u);  // of two with the same labels the last one counts
  EXPECT_EQ(test.input[0].labels, Labels({{"__name__", "up"}, {"job", "a"}}));
  ASSERT_EQ(test.input[0].values.size(), 3u);
  EXPECT_EQ(test.input[0].values[2].value, 5);
  ASSERT_EQ(test.alerts.size(), 1u);
  EXPECT_EQ(test.alerts[0].where.line, 17);
  ASSERT_EQ(test.alerts[0].expected.size(), 2u);
  EXPECT_EQ(test.alerts[0].expected[0].labels, Labels({{"a", "b"}, {"alertname", "A"}}));
  EXPECT_EQ(test.alerts[0].expected[0].annotations, Labels({{"c", "d"}}));
  ASSERT_EQ(test.exprs.size(), 1u);
  ASSERT_EQ(test.exprs[0].expected.size(), 3u);
  EXPECT_EQ(test.exprs[0].expected[0].value, 16);
  EXPECT_EQ(test.exprs[0].expected[1].histogram->count, 2);
  EXPECT_EQ(test.exprs[0].expected[2].value, -std::numeric_limits<double>::infinity());
  EXPECT_EQ(file.tests[1].name, "unnamed#1");
  EXPECT_EQ(file.tests[1].interval, Millis(30'000));
  EXPECT_EQ(file.tests[1].start, 1'609'459'200'500);
}

TEST(RuleTestFile, SaysWhereEachMistakeIs) {
  const std::pair<const char*, const char*> cases[] = {
      {"tests: {}", "t.yml:1:8: \"tests\" must be a list"},
      {"evaluation_intervall: 1m", "t.yml:1:1: unknown key \"evaluation_intervall\""},
      {"evaluation_interval: soon", "t.yml:1:22: \"evaluation_interval\" must be a duration"},
      {"fuzzy_compare: 1", "t.yml:1:16: \"fuzzy_compare\" must be true or false"},
      {"group_eval_order: [a, b, a]", "t.yml:1:1: group name repeated in evaluation order: a"},
      {"tests: [{nam: x}]", "t.yml:1:10: unknown key \"nam\" in test"},
      {"tests: [{start_timestamp: noon}]", "t.yml:1:27: \"start_timestamp\" must be Unix seconds"},
      {"tests: [{start_timestamp: 1e300}]", "t.yml:1:27: \"start_timestamp\" must be Unix seconds"},
      {"tests:\n- input_series:\n  - series: 'up{'\n    values: 1",
       "t.yml:3:13: unexpected text in label set"},
      {"tests:\n- input_series:\n  - series: up\n    values: 1 x", "t.yml:4:13: unexpected text"},
      {"tests:\n- input_series:\n  - values: 1",
       "t.yml:3:5: input series lacks the key \"series\""},
      {"tests:\n- input_series:\n  - {series: up, values: [1]}", "t.yml:3:26: found a list"},
      {"tests:\n- input_series:\n  - {series: up, values: 1x999999999}", "t.yml:3:26: "},
      {"tests:\n- alert_rule_test:\n  - {eval_time: 1m}",
       "t.yml:3:5: an item under alert_rule_test misses required attribute alertname"},
      {"tests:\n- promql_expr_test:\n  - expr: 'up + + ('\n    eval_time: 0",
       "t.yml:3:20: parse error: unclosed left parenthesis"},
      {"tests:\n- promql_expr_test:\n  - {eval_time: 1m}", "lacks the key \"expr\""},
      {"tests:\n- promql_expr_test:\n  - {expr: up, exp_samples: [{value: much}]}",
       "t.yml:3:38: \"value\" must be a number, not \"much\""},
      {"tests:\n- promql_expr_test:\n  - {expr: up, exp_samples: [{labels: 'up 1'}]}",
       "t.yml:3:39: found \"up 1\", expected labels"},
      {"tests:\n- promql_expr_test:\n  - {expr: up, exp_samples: [{histogram: '1'}]}",
       "t.yml:3:42: found \"1\", expected one histogram"},
  };
  for (const auto& [text, says] : cases) {
    Diagnostics diagnostics;
    (void)ReadRuleTestFile(text, "t.yml", diagnostics);
    EXPECT_THAT(diagnostics.ToString(), testing::HasSubstr(says)) << text;
  }
}

TEST(RuleTestFile, ValuesAreBounded) {
  std::string text = "tests:\n- input_series:\n";
  for (int i = 0; i < 100; ++i) {
    text += "  - {series: s" + std::to_string(i) + ", values: 1x900000}\n";
  }
  Diagnostics diagnostics;
  (void)ReadRuleTestFile(text, "t.yml", diagnostics);
  ASSERT_EQ(diagnostics.list().size(), 1u) << diagnostics.ToString();
  EXPECT_EQ(diagnostics.list()[0].ToString(), "t.yml:7:26: more than 4000000 values in one file");
}

}  // namespace
}  // namespace tierwatch
