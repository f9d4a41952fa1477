// Running unit tests of rules. Verdicts are those of promtool 3.14's semantics, by hand.
#include "alerts/rules/rule_tester.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "alerts/rules/rule_file.h"
#include "tests/support/fake_clock.h"

namespace tierwatch {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kRules = R"(
groups:
  - name: first
    interval: 1h                      # has no say in a test
    rules:
      - {record: sum, expr: sum(second)}
      - alert: Down
        expr: up == 0
        for: 2m
        keep_firing_for: 2m
        labels: {severity: page}
        annotations: {text: '{{ $labels.job }} {{ $externalLabels.region }} {{ externalURL }}'}
  - name: second
    rules:
      - {record: second, expr: count(up)}
      - {alert: Down, expr: up == 2, labels: {severity: ticket}}
)";

// All failures of the tests in `text`, which follows "tests:" of a file.
std::vector<std::string> Failures(const std::string& text, const std::string& rules = kRules,
                                  const RuleTestOptions& options = {},
                                  std::string* dump = nullptr) {
  Diagnostics diagnostics;
  const RuleTestFile file = ReadRuleTestFile(text, "t.yml", diagnostics);
  const std::vector<RuleGroup> groups = ReadRules(rules, "r.yml", {}, {}, diagnostics);
  EXPECT_EQ(diagnostics.ToString(), "");
  const FakeClock clock;
  std::vector<std::string> failures;
  for (const RuleTest& test : file.tests) {
    RuleTestResult result = RunRuleTest(file, test, groups, options, clock);
    std::move(result.failures.begin(), result.failures.end(), std::back_inserter(failures));
    if (dump) *dump += result.dump;
  }
  return failures;
}

TEST(RuleTester, AlertsFireAfterForAndAsOfTheLastEvaluation) {
  EXPECT_THAT(Failures(R"(
tests:
  - external_labels: {region: eu}
    external_url: http://tw
    input_series: [{series: 'up{job="a"}', values: 0x3 1x10}]
    alert_rule_test:
      - {eval_time: 1m59s, alertname: Down}
      - &firing
        eval_time: 2m
        alertname: Down
        exp_alerts:
          - {exp_labels: {severity: page, job: a}, exp_annotations: {text: a eu http://tw}}
      - {<<: *firing, eval_time: 2m59s}
      - {<<: *firing, eval_time: 4m}     # no longer down, but kept firing
      - {<<: *firing, eval_time: 5m59s}
      - {eval_time: 6m, alertname: Down}
      - {eval_time: 2m, alertname: Other}
)"),
              IsEmpty());
}

TEST(RuleTester, AlertsOfOneNameAreTheUnionOfAllGroups) {
  EXPECT_THAT(Failures(R"(
evaluation_interval: 1m
tests:
  - input_series:
      - {series: 'up{job="a"}', values: 0x5}
      - {series: 'up{job="b"}', values: 2x5}
    alert_rule_test:
      - eval_time: 2m
        alertname: Down
        exp_alerts:
          - {exp_labels: {severity: ticket, job: b}}
          - {exp_labels: {severity: page, job: a}, exp_annotations: {text: 'a  '}}
)"),
              IsEmpty());
}

TEST(RuleTester, SaysWhatWasExpectedAndWhatCame) {
  const char* text = R"(tests:
  - name: two
    input_series:
      - {series: 'up{job="a"}', values: 2 2}
      - {series: 'up{job="b"}', values: 2 2}
    alert_rule_test:
      - eval_time: 1m
        alertname: Down
        exp_alerts: [{exp_labels: {severity: ticket, job: b}}, {exp_labels: {job: c}}]
    promql_expr_test:
      - expr: up * 2
        eval_time: 1m
        exp_samples: [{labels: '{job="a"}', value: 4}]
)";
  EXPECT_THAT(Failures(text), ElementsAre(R"(    t.yml:7:9: name: two, alertname: Down, time: 1m
        exp: {alertname="Down", job="b", severity="ticket"} annotations {}
             {alertname="Down", job="c"} annotations {}
        got: {alertname="Down", job="a", severity="ticket"} annotations {}
             {alertname="Down", job="b", severity="ticket"} annotations {})",
                                          R"(    t.yml:11:9: name: two, expr: "up * 2", time: 1m
        exp: {job="a"} 4
        got: {job="a"} 4
             {job="b"} 4)"));
  EXPECT_THAT(Failures(text, kRules, {.diff = true}),
              ElementsAre(R"(    t.yml:7:9: name: two, alertname: Down, time: 1m
      - {alertname="Down", job="c"} annotations {}
      + {alertname="Down", job="a", severity="ticket"} annotations {})",
                          R"(    t.yml:11:9: name: two, expr: "up * 2", time: 1m
      + {job="b"} 4)"));
}

// `sum` reads what the other group records: a minute late, unless that one comes first.
TEST(RuleTester, GroupsComeInTheOrderAskedFor) {
  const char* tests = R"(
tests:
  - input_series: [{series: 'up{job="a"}', values: 1 1}]
    promql_expr_test: [{expr: sum, eval_time: 0, exp_samples: [{labels: sum, value: 1}]}]
)";
  EXPECT_THAT(Failures(tests), ElementsAre(HasSubstr("got: nothing")));
  EXPECT_THAT(Failures(std::string("group_eval_order: [second, first]") + tests), IsEmpty());
}

TEST(RuleTester, TimeStartsWhereTheTestSays) {
  EXPECT_THAT(Failures(R"(
evaluation_interval: 2m
tests:
  - start_timestamp: 1000
    interval: 1s
    input_series: [{series: up, values: 0+1x300}]
    promql_expr_test:
      - {expr: time(), eval_time: 5s, exp_samples: [{value: 1005}]}
      # Evaluations are at 1000, 1120 and 1240; input later than that has not come yet.
      - {expr: timestamp(second), eval_time: 4m59s, exp_samples: [{value: 1240}]}
      - {expr: up, eval_time: 4m59s, exp_samples: [{labels: up, value: 240}]}
      # A subquery without a step takes the evaluation interval: 1200, 1080, not before the start.
      - {expr: 'count_over_time(up[4m:])', eval_time: 4m, exp_samples: [{value: 2}]}
)"),
              IsEmpty());
}

TEST(RuleTester, ComparesFloatsExactlyOrByNeighbours) {
  const std::string tests = R"(
tests:
  - input_series:
      - {series: a, values: 0.30000000000000004}
      - {series: no, values: NaN}
      - {series: zero, values: -0}
    promql_expr_test:
      - {expr: a, exp_samples: [{labels: a, value: 0.3}]}
      - {expr: no, exp_samples: [{labels: no, value: .nan}]}
      - {expr: zero, exp_samples: [{labels: zero, value: 0}]}
)";
  EXPECT_THAT(Failures(tests), ElementsAre(HasSubstr("expr: \"a\"")));
  EXPECT_THAT(Failures("fuzzy_compare: true" + tests), IsEmpty());
}

TEST(RuleTester, ARuleThatFailsEndsTheTest) {
  const std::vector<std::string> failures = Failures(R"(
tests:
  - input_series:
      - {series: 'a{x="1",y="1"}', values: _ 1x10}
      - {series: 'a{x="1",y="2"}', values: _ 1x10}
    promql_expr_test: [{expr: vector(1), eval_time: 10m}]
)",
                                                     R"(
groups: [{name: g, rules: [{record: r, expr: 'a + on (x) a'}]}]
)");
  ASSERT_EQ(failures.size(), 1u);
  EXPECT_THAT(failures[0], HasSubstr("t.yml:3:5: rule r: found duplicate series"));
  EXPECT_THAT(failures[0], HasSubstr(", time: 1m"));
}

TEST(RuleTester, AQueryIsBoundedAndItsErrorTold) {
  EXPECT_THAT(Failures(R"(
tests:
  - input_series: [{series: a, values: 1x20000}]
    interval: 1s
    promql_expr_test:
      - {expr: 'a[20000s]', eval_time: 20000s}
      - {expr: 'sum_over_time(a[20000s:1s])', eval_time: 20000s}
)"),
              ElementsAre(HasSubstr("rule result is not a vector or scalar"),
                          HasSubstr("too many samples")));
}

TEST(RuleTester, EvaluationsAreBounded) {
  EXPECT_THAT(Failures("{evaluation_interval: 1ms, tests: [{promql_expr_test: "
                       "[{expr: '1', eval_time: 1y}]}]}"),
              ElementsAre(HasSubstr("more than 10000000 evaluations, one each 1ms up to 1y")));
}

TEST(RuleTester, DumpsAllSamples) {
  std::string dump;
  EXPECT_THAT(
      Failures(R"(
tests:
  - input_series: [{series: up, values: 1 3}]
    promql_expr_test: [{expr: up, eval_time: 1m, exp_samples: [{labels: up, value: 3}]}]
)",
               "groups: [{name: g, rules: [{record: r, expr: up}]}]", {.dump = true}, &dump),
      IsEmpty());
  EXPECT_EQ(dump, "r =>\n1 @[0]\n3 @[60000]\nup =>\n1 @[0]\n3 @[60000]\n");
}

}  // namespace
}  // namespace tierwatch
