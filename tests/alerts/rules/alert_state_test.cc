// What alerts are after the process ended and another one began, and after the clock was set.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "alerts/rules/alert_database.h"
#include "alerts/rules/rule_succession.h"
#include "tests/alerts/rules/rule_bench.h"
#include "tests/support/files.h"

namespace tierwatch {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// A database that counts what is written and can refuse.
class WatchedStore final : public AlertStore {
 public:
  explicit WatchedStore(const std::string& path)
      : store_(std::move(MakeAlertDatabase(std::move(Database::Open(path)).value())).value()) {}
  Result<SavedState> Load() override { return store_->Load(); }
  Result<void> Save(std::span<const RuleChanges> changes) override {
    ++saves;
    if (full) return Error{"database or disk is full"};
    for (const RuleChanges& rule : changes) alerts += rule.alerts.size();
    return store_->Save(changes);
  }
  Result<void> NoteAlive(TimestampMs now) override { return store_->NoteAlive(now); }

  bool full = false;
  std::size_t saves = 0, alerts = 0;

 private:
  std::unique_ptr<AlertStore> store_;
};

class AlertStateTest : public testing::Test {
 protected:
  /// A process that begins at `now`; the one before is gone without a word, as by kill -9.
  Bench& Begin(const std::string& yaml, TimestampMs now, EvaluatorOptions options = {},
               TimestampMs settled_at = 0) {
    bench_.reset();
    states_ = std::make_unique<WatchedStore>(folder_.path() + "/state.db");
    bench_ = std::make_unique<Bench>(yaml, std::move(options), states_.get(), now);
    bench_->evaluator.Restore(settled_at);
    return *bench_;
  }
  TimestampMs Now() const { return bench_->clock.Now(); }

  TempDir folder_;
  std::unique_ptr<WatchedStore> states_;
  std::unique_ptr<Bench> bench_;
};

constexpr char kDown[] =
    "groups: [{name: g, rules: [{alert: Down, expr: up, for: 2m, annotations: {s: '{{ $value "
    "}}'}}]}]";

TEST_F(AlertStateTest, AFiringAlertFiresOnAndIsToldAgain) {
  Bench* bench = &Begin(kDown, kStart);
  bench->answers.insert_or_assign("up", Sample(7));
  for (int i = 0; i < 4; ++i) bench->After(kMinute);
  const TimestampMs fired_at = bench->evaluator.Alerts().at(0).fired_at;
  EXPECT_EQ(fired_at, kStart + 180'000);

  bench = &Begin(kDown, Now() + 3'600'000);
  EXPECT_THAT(bench->sent, ElementsAre("firing {alertname=\"Down\", instance=\"a\"}"));
  EXPECT_EQ(bench->last_sent.annotations.Get("s"), "7");
  EXPECT_EQ(bench->last_sent.generator_url, "/graph?g0.expr=up&g0.tab=1");
  bench->answers.insert_or_assign("up", Error{"no answer"});
  bench->After(kMinute);
  ASSERT_EQ(bench->evaluator.Alerts().size(), 1u) << "an evaluation that failed says nothing";
  bench->answers.insert_or_assign("up", Sample(8));
  bench->After(kMinute);
  EXPECT_EQ(bench->evaluator.Alerts().at(0).fired_at, fired_at);
  bench->answers.clear();
  EXPECT_THAT(bench->After(kMinute), ElementsAre(HasSubstr("resolved")));

  bench = &Begin(kDown, Now() + 3'600'000);
  EXPECT_THAT(bench->sent, ElementsAre(HasSubstr("resolved")))
      << "whether that was told is unknown";
  bench->After(kMinute);
  bench = &Begin(kDown, Now() + 60'000);
  EXPECT_THAT(bench->sent, IsEmpty());
}

TEST_F(AlertStateTest, AnOutageCountsForTheClockOfForOrNot) {
  for (const bool counts : {true, false}) {
    const std::string yaml = "groups: [{name: g, rules: [{alert: A" + std::to_string(counts) +
                             ", expr: up, for: 10m}]}]";
    Bench* bench = &Begin(yaml, kStart);
    bench->answers.insert_or_assign("up", Sample(1));
    bench->After(kMinute);
    bench->evaluator.Tend();
    bench = &Begin(yaml, kStart + 6 * 60'000, {{}, "", kMinute, counts});
    ASSERT_EQ(bench->evaluator.Alerts().size(), 1u);
    EXPECT_EQ(bench->evaluator.Alerts()[0].state, AlertState::kPending);
    EXPECT_EQ(bench->evaluator.Alerts()[0].active_at, kStart + (counts ? 60'000 : 360'000));
    bench->answers.insert_or_assign("up", Sample(1));
    EXPECT_EQ(bench->After(kMinute * 5).size(), counts ? 1u : 0u);
    EXPECT_EQ(bench->After(kMinute * 5).size(), 1u);
  }
}

TEST_F(AlertStateTest, TheTimeOfKeepFiringGoesOn) {
  constexpr char kKeep[] =
      "groups: [{name: g, rules: [{alert: Down, expr: up, keep_firing_for: 10m}]}]";
  Bench* bench = &Begin(kKeep, kStart);
  bench->answers.insert_or_assign("up", Sample(1));
  bench->After(kMinute);
  bench->answers.clear();
  bench->After(kMinute);
  bench = &Begin(kKeep, Now() + 5 * 60'000);
  EXPECT_EQ(bench->evaluator.Alerts().at(0).keep_firing_since, kStart + 120'000);
  bench->After(kMinute * 4);
  EXPECT_EQ(bench->evaluator.Alerts().size(), 1u);
  EXPECT_THAT(bench->After(kMinute), ElementsAre(HasSubstr("resolved")));
}

TEST_F(AlertStateTest, WhatHasNotBeenSampledAgainIsNotOver) {
  constexpr char kRate[] =
      "groups: [{name: g, rules: [{alert: Now, expr: up}, {alert: Rate, expr: 'rate(e[5m]) > 0'}, "
      "{alert: New, expr: other}]}]";
  Bench* bench = &Begin(kRate, kStart);
  bench->answers.insert_or_assign("up", Sample(1));
  bench->answers.insert_or_assign("rate(e[5m]) > 0", Sample(1));
  bench->After(kMinute);
  bench = &Begin(kRate, kStart + 120'000, {}, kStart + 180'000);
  bench->answers.insert_or_assign("other", Sample(1));
  bench->After(kMinute - Millis(1));
  EXPECT_EQ(bench->evaluator.Alerts().size(), 3u);
  bench->answers.clear();
  EXPECT_THAT(bench->After(Millis(1)), ElementsAre(HasSubstr("Now"), HasSubstr("New")))
      << "one looks at the moment, one knows its own time";
  EXPECT_EQ(bench->evaluator.Alerts().size(), 1u);
  bench->After(kMinute * 5 - Millis(1));
  EXPECT_EQ(bench->evaluator.Alerts().size(), 1u);
  bench->After(Millis(1));
  EXPECT_THAT(bench->evaluator.Alerts(), IsEmpty());
}

TEST_F(AlertStateTest, ARuleKeepsItsAlertsWhereverItMoves) {
  Bench* bench = &Begin(
      "groups: [{name: g, rules: [{alert: A, expr: up}, {alert: A, expr: up > 0}, {alert: B, expr: "
      "up}, {alert: C, expr: up}]}]",
      kStart);
  bench->answers.insert_or_assign("up", Sample(1));
  bench->answers.insert_or_assign("up > 0", Sample(2));
  bench->After(kMinute);
  EXPECT_EQ(bench->evaluator.Alerts().size(), 4u);
  bench = &Begin("groups: [{name: renamed, rules: [{alert: C, expr: down}, {alert: A, expr: up}]}]",
                 kStart + 120'000);
  EXPECT_THAT(bench->sent,
              testing::UnorderedElementsAre("firing {alertname=\"A\", instance=\"a\"}",
                                            "resolved {alertname=\"A\", instance=\"a\"}",
                                            "resolved {alertname=\"B\", instance=\"a\"}",
                                            "resolved {alertname=\"C\", instance=\"a\"}"));
  ASSERT_EQ(bench->evaluator.Alerts().size(), 1u);
  EXPECT_EQ(bench->evaluator.Alerts()[0].fired_at, kStart + 60'000);
  // Whoever is gone is told once more after the next start, then forgotten.
  bench = &Begin("groups: [{name: renamed, rules: [{alert: C, expr: down}, {alert: A, expr: up}]}]",
                 kStart + 180'000);
  EXPECT_EQ(bench->sent.size(), 4u);
  bench->clock.Advance(kMinute * 16);
  bench->evaluator.Tend();
  bench = &Begin("groups: [{name: renamed, rules: [{alert: A, expr: up}]}]", Now());
  EXPECT_THAT(bench->sent, ElementsAre("firing {alertname=\"A\", instance=\"a\"}"));
}

TEST_F(AlertStateTest, AReloadIsRememberedToo) {
  Bench* bench =
      &Begin("groups: [{name: g, rules: [{alert: A, expr: up}, {alert: B, expr: up}]}]", kStart);
  bench->answers.insert_or_assign("up", Sample(1));
  bench->After(kMinute);
  bench->evaluator.Replace(
      Bench::Read("groups: [{name: moved, rules: [{alert: A, expr: up}]}]", "other.yml"));
  EXPECT_THAT(bench->evaluator.Alerts().at(0).active_at, kStart + 60'000);
  bench->evaluator.Replace(
      Bench::Read("groups: [{name: g, rules: [{alert: A, expr: up}, {alert: B, expr: up}]}]"));
  bench->After(kMinute);
  bench->After(kMinute * 16);
  bench->evaluator.Tend();
  bench = &Begin("groups: [{name: g, rules: [{alert: A, expr: up}, {alert: B, expr: up}]}]", Now());
  ASSERT_EQ(bench->evaluator.Alerts().size(), 2u);
  EXPECT_EQ(bench->evaluator.Alerts()[0].active_at, kStart + 60'000);
  EXPECT_EQ(bench->evaluator.Alerts()[1].active_at, kStart + 120'000);
}

TEST_F(AlertStateTest, OnlyWhatChangedIsWritten) {
  Bench& bench = Begin("groups: [{name: g, rules: [{alert: A, expr: up, for: 1m}]}]", kStart);
  promql::Vector many;
  for (int i = 0; i < 100; ++i) many.push_back({{{"instance", std::to_string(i)}}, 0, 1.0});
  bench.answers.insert_or_assign("up", many);
  bench.After(kMinute);
  EXPECT_EQ(states_->alerts, 100u) << "pending";
  bench.After(kMinute);
  EXPECT_EQ(states_->alerts, 200u) << "firing";
  for (promql::VectorSample& sample : many) sample.value = 2;
  bench.answers.insert_or_assign("up", many);
  for (int i = 0; i < 10; ++i) bench.After(kMinute);
  EXPECT_EQ(states_->alerts, 200u) << "neither values nor reminders";
  EXPECT_EQ(states_->saves, 2u);
  many.pop_back();
  bench.answers.insert_or_assign("up", many);
  bench.After(kMinute);
  EXPECT_EQ(states_->alerts, 201u);
  EXPECT_EQ(bench.Metric("tierwatch_alert_state_changes_total"), 201);
}

TEST_F(AlertStateTest, AFullDiskKeepsNobodyFromBeingPaged) {
  Bench* bench = &Begin("groups: [{name: g, rules: [{alert: A, expr: up}]}]", kStart);
  bench->answers.insert_or_assign("up", Sample(1));
  states_->full = true;
  EXPECT_EQ(bench->After(kMinute).size(), 1u);
  bench->answers.clear();
  EXPECT_EQ(bench->After(kMinute).size(), 1u);
  bench->answers.insert_or_assign("up", Sample(1));
  EXPECT_EQ(bench->After(kMinute).size(), 1u);
  EXPECT_EQ(bench->Metric("tierwatch_alert_state_failures_total"), 3);
  states_->full = false;
  bench->After(Millis(1'000));
  bench = &Begin("groups: [{name: g, rules: [{alert: A, expr: up}]}]", Now());
  ASSERT_EQ(bench->evaluator.Alerts().size(), 1u);
  EXPECT_EQ(bench->evaluator.Alerts()[0].fired_at, kStart + 180'000);
}

class SetClockTest : public AlertStateTest, public testing::WithParamInterface<int> {};

TEST_P(SetClockTest, FiresAndResolvesNothing) {
  const Millis by(GetParam());
  constexpr char kRules[] =
      "groups: [{name: g, rules: [{alert: Waits, expr: up, for: 10m}, {alert: Keeps, expr: down, "
      "keep_firing_for: 10m}, {alert: Fires, expr: up}]}]";
  Bench* bench = &Begin(kRules, kStart, {{}, "", kMinute * 1000});
  bench->answers.insert_or_assign("up", Sample(1));
  bench->answers.insert_or_assign("down", Sample(1));
  EXPECT_EQ(bench->After(kMinute).size(), 2u);
  bench->answers.erase("down");
  EXPECT_THAT(bench->After(kMinute), IsEmpty());
  bench->evaluator.ShiftTime(by, [&] { bench->clock.JumpWall(by); });
  EXPECT_THAT(bench->After(Millis(0)), IsEmpty());
  EXPECT_EQ(bench->evaluator.Alerts().size(), 3u);

  bench = &Begin(kRules, Now(), {{}, "", kMinute * 1000});
  bench->answers.insert_or_assign("up", Sample(1));
  EXPECT_THAT(bench->After(kMinute * 9 - Millis(1)), IsEmpty());
  EXPECT_THAT(bench->After(Millis(1)), ElementsAre(HasSubstr("firing {alertname=\"Waits")));
  EXPECT_THAT(bench->After(kMinute - Millis(1)), IsEmpty());
  EXPECT_THAT(bench->After(Millis(1)), ElementsAre(HasSubstr("resolved {alertname=\"Keeps")));
}

INSTANTIATE_TEST_SUITE_P(ByAnHour, SetClockTest, testing::Values(3'600'000, -3'600'000));

TEST_F(AlertStateTest, AClockThatWentBackBetweenTwoProcesses) {
  const std::string yaml = "groups: [{name: g, rules: [{alert: A, expr: up, for: 10m}]}]";
  Bench* bench = &Begin(yaml, kStart);
  bench->answers.insert_or_assign("up", Sample(1));
  bench->After(kMinute);
  bench->clock.Advance(kMinute);
  bench->evaluator.Tend();
  bench = &Begin(yaml, kStart - 3'600'000);
  EXPECT_EQ(bench->evaluator.Alerts().at(0).active_at, kStart - 3'660'000);
}

TEST_F(AlertStateTest, RowsThatCantBeReadAreLeftOut) {
  Begin("groups: []", kStart);
  auto database = Database::Open(folder_.path() + "/state.db");
  ASSERT_TRUE(database
                  ->Execute("INSERT INTO alert_rule VALUES (1, 'f.yml', 'g', 'alert A{}', 'up');"
                            "INSERT INTO alert VALUES"
                            " (1, '9:alertname1:A', 'firing', 1, 2, 0, 0, 2, 'firing', 1, ''),"
                            " (1, '9:alertname1:A1:x', 'firing', 1, 2, 0, 0, 2, 'firing', 1, ''),"
                            " (1, '9:alertname999999999999999999999:A', 'firing', 1, 2, 0, 0, 2, "
                            "'firing', 1, ''),"
                            " (1, '9:alertname1:B', 'burning', 1, 2, 0, 0, 2, 'firing', 1, '')")
                  .ok());
  Bench& bench = Begin("groups: [{name: g, rules: [{alert: A, expr: up}]}]", kStart);
  EXPECT_THAT(bench.sent, ElementsAre("firing {alertname=\"A\"}"));
}

TEST(InputChanged, EvaluatesAtOnceWhatLooksAtIt) {
  Bench bench(
      "groups: [{name: a, interval: 1h, rules: [{alert: A, expr: up}]}, {name: b, interval: 1h, "
      "rules: [{alert: B, expr: down}]}, {name: c, interval: 1h, rules: [{alert: C, expr: "
      "'{__name__=~\"u.\"}'}]}]");
  const SteadyTime next = bench.evaluator.RunDue();
  bench.clock.Advance(Millis(10));
  bench.evaluator.InputChanged({"up", "other"});
  EXPECT_EQ(bench.evaluator.RunDue(), next) << "slots stay";
  EXPECT_THAT(bench.asked, ElementsAre(kStart + 10, kStart + 10));
}

// A question that is answered when the test says so.
class SlowQuestions final : public RuleQuestions {
 public:
  explicit SlowQuestions(std::atomic<bool>& answer, std::atomic<int>& asked)
      : answer_(answer), asked_(asked) {}
  std::size_t Add(promql::ExprPtr expr) override {
    slow_ = promql::Print(*expr) == "slow";
    return 0;
  }
  void NewRound() override {}
  Result<promql::Elements> Ask(std::size_t, TimestampMs) override {
    while (slow_ && !answer_) std::this_thread::yield();
    ++asked_;
    return Error{"nothing here"};
  }

 private:
  std::atomic<bool>& answer_;
  std::atomic<int>& asked_;
  bool slow_ = false;
};

TEST(Work, ASlowGroupHoldsUpNoOther) {
  std::atomic<bool> answer = false;
  std::atomic<int> asked = 0;
  const SystemClock clock;
  const std::unique_ptr<Logger> logger = MakeNullLogger();
  prometheus::Registry registry;
  RuleEvaluator evaluator(
      Bench::Read("groups: [{name: a, interval: 10ms, rules: [{record: a, expr: slow}]}, {name: b, "
                  "interval: 10ms, rules: [{record: b, expr: quick}]}]"),
      {},
      {.questions =
           [&](const std::set<std::string>&) {
             return std::make_unique<SlowQuestions>(answer, asked);
           },
       .query = {},
       .series = [](const std::string&, const std::vector<OutputSample>&) {},
       .alerts = [](const std::vector<Alert>&) {},
       .clock = clock,
       .logger = *logger,
       .registry = registry});
  std::vector<std::jthread> threads;
  for (int i = 0; i < 3; ++i)
    threads.emplace_back([&](const std::stop_token& stop) { evaluator.Work(stop); });
  while (asked < 5) std::this_thread::yield();
  answer = true;
  evaluator.Replace(
      Bench::Read("groups: [{name: c, interval: 10ms, rules: [{record: c, expr: q}]}]"));
  const int before = asked;
  while (asked < before + 5) std::this_thread::yield();
  EXPECT_EQ(evaluator.Groups().size(), 1u);
}

}  // namespace
}  // namespace tierwatch
