// The alert state machine and its slots, fed with vectors at times of a clock that stands still.
#include "alerts/rules/evaluator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/alerts/rules/rule_bench.h"

namespace tierwatch {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(AlertState, GoesFromPendingToFiringToResolved) {
  Bench bench(
      "groups: [{name: g, rules: [{alert: Down, expr: up, for: 2m, labels: {sev: page}, "
      "annotations: {s: '{{ $value }} {{ $labels.instance }}'}}]}]",
      {{{"cluster", "eu"}}, "https://tw", kMinute});
  EXPECT_THAT(bench.After(kMinute), IsEmpty());
  EXPECT_THAT(bench.evaluator.Alerts(), IsEmpty());

  bench.answers.insert_or_assign("up", Sample(7));
  EXPECT_THAT(bench.After(kMinute), IsEmpty());
  ASSERT_EQ(bench.evaluator.Alerts().size(), 1u);
  EXPECT_EQ(bench.evaluator.Alerts()[0].state, AlertState::kPending);
  EXPECT_EQ(bench.evaluator.Alerts()[0].active_at, kStart + 120'000);
  EXPECT_EQ(
      bench.series
          ["ALERTS{alertname=\"Down\", alertstate=\"pending\", instance=\"a\", sev=\"page\"}"],
      "1");
  EXPECT_EQ(bench.series["ALERTS_FOR_STATE{alertname=\"Down\", instance=\"a\", sev=\"page\"}"],
            "1700000120");
  EXPECT_EQ(bench.Metric("tierwatch_alerts", "pending"), 1);

  EXPECT_THAT(bench.After(kMinute), IsEmpty());
  bench.answers.insert_or_assign("up", Sample(8));
  EXPECT_THAT(
      bench.After(kMinute),
      ElementsAre("firing {alertname=\"Down\", cluster=\"eu\", instance=\"a\", sev=\"page\"}"));
  EXPECT_EQ(bench.last_sent.fired_at, kStart + 240'000);
  EXPECT_EQ(bench.last_sent.active_at, kStart + 120'000);
  EXPECT_EQ(bench.last_sent.valid_until, kStart + 240'000 + 4 * 60'000);
  EXPECT_EQ(bench.last_sent.annotations.Get("s"), "8 a");
  EXPECT_EQ(bench.last_sent.generator_url, "https://tw/graph?g0.expr=up&g0.tab=1");
  EXPECT_EQ(
      bench.series
          ["ALERTS{alertname=\"Down\", alertstate=\"pending\", instance=\"a\", sev=\"page\"}"],
      "stale");
  EXPECT_EQ(bench.series
                ["ALERTS{alertname=\"Down\", alertstate=\"firing\", instance=\"a\", sev=\"page\"}"],
            "1");

  // Sent again only once more than a minute has passed.
  EXPECT_THAT(bench.After(kMinute), IsEmpty());
  EXPECT_EQ(bench.After(Millis{1}).size(), 1u);

  bench.answers.insert_or_assign("up", promql::Vector{});
  EXPECT_THAT(
      bench.After(Millis{1000}),
      ElementsAre("resolved {alertname=\"Down\", cluster=\"eu\", instance=\"a\", sev=\"page\"}"));
  EXPECT_EQ(bench.last_sent.resolved_at, bench.clock.Now());
  EXPECT_THAT(bench.evaluator.Alerts(), IsEmpty());
  EXPECT_EQ(bench.series["ALERTS_FOR_STATE{alertname=\"Down\", instance=\"a\", sev=\"page\"}"],
            "stale");
  // Said again for 15 minutes, then forgotten.
  EXPECT_EQ(bench.After(Millis{15 * 60'000}).size(), 1u);
  EXPECT_THAT(bench.After(kMinute * 2), IsEmpty());
}

TEST(AlertState, IsValidForFourIntervalsWhereTheyAreLong) {
  Bench bench("groups: [{name: g, interval: 5m, rules: [{alert: Down, expr: up}]}]");
  bench.answers.insert_or_assign("up", Sample(1));
  while (bench.After(kMinute).empty()) continue;
  EXPECT_EQ(bench.last_sent.valid_until, bench.last_sent.fired_at + 4 * 300'000);
}

TEST(AlertState, PendingThatEndsIsForgotten) {
  Bench bench("groups: [{name: g, rules: [{alert: Down, expr: up, for: 2m}]}]");
  bench.answers.insert_or_assign("up", Sample(1));
  bench.After(kMinute);
  bench.answers.clear();
  EXPECT_THAT(bench.After(kMinute), IsEmpty());
  bench.answers.insert_or_assign("up", Sample(1));
  bench.After(kMinute);
  EXPECT_THAT(bench.After(kMinute), IsEmpty()) << "the clock of `for` begins anew";
  EXPECT_EQ(bench.After(kMinute).size(), 1u);
}

TEST(AlertState, FiresAtOnceWithoutForAndFiresAgainAfterResolving) {
  Bench bench("groups: [{name: g, rules: [{alert: Down, expr: up}]}]");
  bench.answers.insert_or_assign("up", Sample(1));
  EXPECT_EQ(bench.After(kMinute).size(), 1u);
  bench.answers.clear();
  EXPECT_EQ(bench.After(kMinute).size(), 1u);
  bench.answers.insert_or_assign("up", Sample(1));
  EXPECT_THAT(bench.After(Millis{1000}), ElementsAre(HasSubstr("firing")));
  EXPECT_EQ(bench.last_sent.resolved_at, 0);
}

TEST(AlertState, KeepsFiring) {
  Bench bench("groups: [{name: g, rules: [{alert: Down, expr: up, keep_firing_for: 2m}]}]");
  bench.answers.insert_or_assign("up", Sample(1));
  bench.After(kMinute);
  bench.answers.clear();
  bench.After(kMinute);
  bench.After(kMinute);
  ASSERT_EQ(bench.evaluator.Alerts().size(), 1u);
  EXPECT_EQ(bench.evaluator.Alerts()[0].keep_firing_since, kStart + 120'000);
  EXPECT_THAT(bench.After(kMinute), ElementsAre(HasSubstr("resolved")));
}

TEST(AlertState, AFailedQueryChangesNothing) {
  Bench bench("groups: [{name: g, rules: [{alert: Down, expr: up}, {record: r, expr: other}]}]");
  bench.answers.insert_or_assign("up", Sample(1));
  bench.answers.insert_or_assign("other", Sample(2));
  bench.After(kMinute);
  bench.answers.insert_or_assign("up", Error{"timed out"});
  bench.answers.insert_or_assign("other", Error{"timed out"});
  bench.After(kMinute);
  EXPECT_EQ(bench.evaluator.Alerts().size(), 1u);
  EXPECT_EQ(bench.series["r{instance=\"a\"}"], "2");
  EXPECT_EQ(bench.evaluator.Groups()[0].rules[0].last_error, "timed out");
  EXPECT_EQ(bench.Metric("tierwatch_rule_evaluation_failures_total"), 2);
  EXPECT_EQ(bench.Metric("tierwatch_rule_evaluations_total"), 4);
}

TEST(AlertState, LabelsOfTheRuleWinAndDuplicatesFail) {
  Bench bench(
      "groups: [{name: g, labels: {a: group, b: group}, rules: [{alert: X, expr: up, "
      "labels: {b: '{{ $labels.instance }}-{{ $externalLabels.c }}', instance: '', alertname: "
      "y}}]}]",
      {{{"c", "ext"}}, "", kMinute});
  bench.answers.insert_or_assign("up", Sample(1));
  EXPECT_THAT(bench.After(kMinute),
              ElementsAre("firing {a=\"group\", alertname=\"X\", b=\"a-ext\", c=\"ext\"}"));
  promql::Vector two = Sample(1, {{"instance", "a"}, {"cpu", "1"}});
  two.push_back(two[0]);
  bench.answers.insert_or_assign("up", two);
  bench.After(kMinute);
  EXPECT_THAT(bench.evaluator.Groups()[0].rules[0].last_error, HasSubstr("same labelset"));
  EXPECT_EQ(bench.evaluator.Alerts().size(), 1u);
}

TEST(AlertState, OverItsLimitFailsAndResolves) {
  Bench bench(
      "groups: [{name: g, limit: 1, rules: [{alert: X, expr: up}, {record: r, expr: up}]}]");
  bench.answers.insert_or_assign("up", Sample(1));
  bench.After(kMinute);
  promql::Vector two = Sample(1);
  two.push_back(Sample(1, {{"instance", "b"}})[0]);
  bench.answers.insert_or_assign("up", two);
  EXPECT_THAT(bench.After(kMinute), ElementsAre(HasSubstr("resolved"), HasSubstr("resolved")));
  EXPECT_EQ(bench.evaluator.Groups()[0].rules[0].last_error, "exceeded limit of 1 with 2 alerts");
  EXPECT_EQ(bench.evaluator.Groups()[0].rules[1].last_error, "exceeded limit of 1 with 2 series");
  EXPECT_THAT(bench.evaluator.Alerts(), IsEmpty());
}

TEST(AlertState, ABrokenTemplateDoesNotStopTheAlert) {
  Bench bench(
      "groups: [{name: g, rules: [{alert: X, expr: up, annotations: {s: '{{ humanize \"x\" "
      "}}'}}]}]");
  bench.answers.insert_or_assign("up", Sample(1));
  EXPECT_EQ(bench.After(kMinute).size(), 1u);
  EXPECT_THAT(std::string(bench.last_sent.annotations.Get("s")),
              testing::StartsWith("<error expanding template: 1:4:"));
  EXPECT_EQ(bench.Metric("tierwatch_template_failures_total"), 1);
}

promql::Vector Instances(std::initializer_list<std::pair<const char*, double>> values) {
  promql::Vector vector;
  for (const auto& [instance, value] : values)
    vector.push_back({{{"instance", instance}}, 0, value});
  return vector;
}

TEST(Steady, TextsFollowWhatTheyLookAt) {
  Bench bench(
      "groups: [{name: g, rules: ["
      "{alert: V, expr: up, annotations: {s: '{{ $labels.instance }}={{ $value }}'}}, "
      "{alert: T, expr: up, annotations: {s: '{{ now }}'}}, "
      "{alert: I, expr: up, labels: {level: '{{ $value }}'}}]}]");
  const auto texts = [&] {
    std::vector<std::string> all;
    for (const Alert& alert : bench.evaluator.Alerts()) {
      all.push_back(alert.labels.Has("level") ? std::string(alert.labels.Get("level"))
                                              : std::string(alert.annotations.Get("s")));
    }
    return all;
  };
  bench.answers.insert_or_assign("up", Instances({{"a", 1}}));
  bench.After(kMinute);
  EXPECT_THAT(texts(), ElementsAre("a=1", "1.70000006e+09", "1"));
  bench.After(kMinute);
  EXPECT_THAT(texts(), ElementsAre("a=1", "1.70000012e+09", "1"));
  bench.answers.insert_or_assign("up", Instances({{"a", 2}}));
  bench.After(kMinute);
  EXPECT_THAT(texts(), ElementsAre("a=2", "1.70000018e+09", "2"));
}

TEST(Steady, ValuesFollowTheirSeriesWhereverItStands) {
  Bench bench(
      "groups: [{name: g, rules: [{alert: A, expr: up, annotations: {s: '{{ $value }}'}}, "
      "{record: r, expr: up}]}]");
  const auto alerts = [&] {
    std::vector<std::string> all;
    for (const Alert& alert : bench.evaluator.Alerts()) {
      all.push_back(fmt::format("{} {} {} {}", alert.labels.Get("instance"), alert.value,
                                alert.annotations.Get("s"), (alert.active_at - kStart) / 60'000));
    }
    return all;
  };
  bench.answers.insert_or_assign("up", Instances({{"a", 1}, {"b", 2}}));
  bench.After(kMinute);
  bench.answers.insert_or_assign("up", Instances({{"b", 3}, {"a", 4}}));
  bench.After(kMinute);
  EXPECT_THAT(alerts(), ElementsAre("a 4 4 1", "b 3 3 1"));
  EXPECT_EQ(bench.series["r{instance=\"a\"}"], "4");
  bench.answers.insert_or_assign("up", Instances({{"b", 5}, {"c", 6}}));
  bench.After(kMinute);
  EXPECT_THAT(alerts(), ElementsAre("b 5 5 1", "c 6 6 3"));
  EXPECT_EQ(bench.series["r{instance=\"a\"}"], "stale");
  EXPECT_EQ(bench.series["r{instance=\"b\"}"], "5");
  bench.answers.insert_or_assign("up", Instances({{"b", 7}, {"c", 8}}));
  bench.After(kMinute);
  EXPECT_THAT(alerts(), ElementsAre("b 7 7 1", "c 8 8 3"));
}

TEST(Steady, AFailedTextCountsAtEveryEvaluation) {
  Bench bench(
      "groups: [{name: g, rules: [{alert: X, expr: up, labels: {l: '{{ humanize \"x\" }}'}, "
      "annotations: {s: '{{ humanize \"y\" }}'}}]}]");
  bench.answers.insert_or_assign("up", Sample(1));
  for (int i = 1; i <= 3; ++i) {
    bench.After(kMinute);
    EXPECT_EQ(bench.Metric("tierwatch_template_failures_total"), 2 * i);
  }
}

TEST(Steady, ComesBackAfterItsLimit) {
  Bench bench("groups: [{name: g, limit: 1, rules: [{alert: X, expr: up, for: 1m}]}]");
  bench.answers.insert_or_assign("up", Instances({{"a", 1}, {"b", 1}}));
  bench.After(kMinute);
  bench.After(kMinute);
  EXPECT_THAT(bench.evaluator.Alerts(), IsEmpty());
  bench.answers.insert_or_assign("up", Instances({{"a", 1}}));
  bench.After(kMinute);
  EXPECT_EQ(bench.After(kMinute).size(), 1u);
}

TEST(Steady, SeriesKeepTheirLabelSets) {
  Bench bench("groups: [{name: g, rules: [{alert: X, expr: up}, {record: r, expr: up}]}]");
  bench.answers.insert_or_assign("up", Sample(1));
  bench.After(kMinute);
  const std::vector<const Labels*> first = std::exchange(bench.written, {});
  bench.answers.insert_or_assign("up", Sample(2));
  bench.After(kMinute);
  EXPECT_EQ(first.size(), 3u);
  EXPECT_EQ(bench.written, first);
}

TEST(Recording, WritesAtTheOffsetAndEndsWhatVanished) {
  Bench bench(
      "groups: [{name: g, query_offset: 30s, rules: [{record: r, expr: up, labels: {l: v, "
      "instance: ''}}]}]");
  bench.answers.insert_or_assign("up", Sample(3));
  bench.After(kMinute);
  EXPECT_EQ(bench.series["r{l=\"v\"}"], "3");
  EXPECT_EQ(bench.asked.back(), kStart + 30'000);
  EXPECT_EQ(bench.last_sample_time, kStart + 30'000);
  bench.answers.clear();
  bench.After(kMinute);
  EXPECT_EQ(bench.series["r{l=\"v\"}"], "stale");
}

TEST(Slots, AreAlignedAndMissedOnesAreCounted) {
  Bench bench("groups: [{name: g, interval: 60s, rules: [{record: r, expr: up}]}]");
  const Group group(Bench::Read("groups: [{name: g, interval: 60s, rules: []}]")[0],
                    VectorQuestions::Make({}));
  const TimestampMs first = group.SlotAt(kStart) + 60'000;
  EXPECT_GT(first, kStart);
  EXPECT_EQ(bench.evaluator.RunDue(), bench.clock.Steady() + Millis{first - kStart});
  EXPECT_THAT(bench.asked, IsEmpty());

  bench.clock.Advance(Millis{first - kStart + 7});
  EXPECT_EQ(bench.evaluator.RunDue(), bench.clock.Steady() + Millis{60'000 - 7});
  EXPECT_THAT(bench.asked, ElementsAre(first));

  bench.clock.Advance(Millis{200'000});
  bench.evaluator.RunDue();
  EXPECT_THAT(bench.asked, ElementsAre(first, first + 180'000));
  EXPECT_EQ(bench.Metric("tierwatch_rule_group_iterations_missed_total"), 2);

  // Set back by an hour, the clock doesn't silence the group for an hour.
  bench.evaluator.ShiftTime(Millis{-3'600'000}, [&] { bench.clock.JumpWall(Millis{-3'600'000}); });
  EXPECT_LE(bench.evaluator.RunDue(), bench.clock.Steady() + Millis{60'000});
  EXPECT_EQ(Bench("groups: []").evaluator.RunDue(), SteadyTime::max());
}

TEST(Replace, KeepsAlertsOfRulesThatStayAndResolvesOthers) {
  Bench bench(
      "groups: [{name: g, rules: [{alert: Stays, expr: up}, {alert: Goes, expr: up}, {record: r, "
      "expr: up}]}]");
  bench.answers.insert_or_assign("up", Sample(1));
  bench.After(kMinute);
  bench.sent.clear();
  bench.evaluator.Replace(Bench::Read(
      "groups: [{name: g, rules: [{alert: New, expr: up}, {alert: Stays, expr: up > 0}]}]"));
  EXPECT_THAT(bench.sent, ElementsAre("resolved {alertname=\"Goes\", instance=\"a\"}"));
  EXPECT_EQ(bench.series["r{instance=\"a\"}"], "stale");
  ASSERT_EQ(bench.evaluator.Alerts().size(), 1u);
  EXPECT_EQ(bench.evaluator.Alerts()[0].active_at, kStart + 60'000);
  bench.sent.clear();
  bench.evaluator.Replace({});
  EXPECT_THAT(bench.sent, ElementsAre("resolved {alertname=\"Stays\", instance=\"a\"}"));
  EXPECT_EQ(bench.Metric("tierwatch_alerts"), 0);
}

}  // namespace
}  // namespace tierwatch
