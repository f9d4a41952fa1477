// From a batch to a page: the store, the engine, the rules and the notifier at work together.
#include "exporter/judge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "tests/support/fake_clock.h"
#include "tests/support/files.h"
#include "tests/support/http_sink.h"
#include "tests/support/notify_config.h"
#include "tests/support/process.h"

namespace tierwatch {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::vector<RuleGroup> Rules(const std::string& yaml) {
  Diagnostics diagnostics;
  std::vector<RuleGroup> groups = ReadRules(yaml, "rules.yml", {}, {}, diagnostics);
  EXPECT_EQ(diagnostics.ToString(), "");
  return groups;
}

Batch TierBatch(TimestampMs time, double available, bool turned = false) {
  prometheus::ClientMetric metric;
  metric.label = {{"tier", "L3"}};
  metric.gauge.value = available;
  Batch batch{"cache_health", {{"service", "orgs"}, {"target", "a:1"}}, time, true, {}, turned};
  batch.families = {{"tier_available", "", prometheus::MetricType::Gauge, {metric}}};
  return batch;
}

// "{labels} value" of each element of an instant query; the error where it fails.
std::string Show(const Result<promql::Vector>& vector) {
  if (!vector.ok()) return vector.error().message;
  std::string text;
  for (const promql::VectorSample& sample : *vector) {
    text += sample.labels.ToString() + " " + std::to_string(sample.value) + "\n";
  }
  return text;
}

TEST(RuleQuery, GivesVectorsAndScalarsAndNothingElse) {
  series::Store store;
  const series::Sample samples[] = {{{{"__name__", "x"}, {"a", "b"}}, 1'000, 2},
                                    {{{"__name__", "ended"}}, 1'000, 2},
                                    {{{"__name__", "ended"}}, 2'000, series::StaleMarker()}};
  store.Append("test", samples);
  const promql::Engine engine;
  const RuleQuery query = MakeRuleQuery(engine, store);
  const std::pair<const char*, const char*> cases[] = {
      {"x", "x{a=\"b\"} 2.000000\n"},
      {"x * 2 > 3", "{a=\"b\"} 4.000000\n"},
      {"x > 3", ""},
      {"time()", "{} 3.000000\n"},
      {"ended", ""},
      {"absent", ""},
      {"\"text\"", "rule result is not a vector or scalar"},
      {"x[1m]", "rule result is not a vector or scalar"},
      {"label_replace(x, \"c\", \"$1\", \"a\", \"(\")",
       "invalid regular expression in label_replace(): ("},
  };
  for (const auto& [text, shown] : cases) {
    const Result<promql::ExprPtr> expr = promql::Parse(text);
    ASSERT_TRUE(expr.ok()) << text;
    EXPECT_EQ(Show(query(*expr, 3'000)), shown) << text;
  }
}

// The parts of a Judge by themselves, so that time can stand still.
TEST(RulesOverTheStore, EachRuleSeesWhatTheOnesBeforeItWrote) {
  FakeClock clock(1'700'000'000'000);
  const std::unique_ptr<Logger> logger = MakeNullLogger();
  prometheus::Registry registry;
  series::Store store;
  const promql::Engine engine;
  std::vector<Alert> told;
  RuleEvaluator evaluator(Rules(R"(
groups:
  - name: chain
    rules:
      - {record: tier_down, expr: 1 - tier_available}
      - {alert: TierDown, expr: tier_down == 1, for: 1m}
      - {record: alerts_by_state, expr: count by (alertstate) (ALERTS)}
)"),
                          {},
                          {.questions = AskStanding(engine, store, clock),
                           .query = MakeRuleQuery(engine, store),
                           .series = WriteTo(store),
                           .alerts = [&](std::vector<Alert> alerts) { told = std::move(alerts); },
                           .clock = clock,
                           .logger = *logger,
                           .registry = registry});
  const auto at = [&](Millis later, double available) {
    clock.Advance(later);
    store.Append(TierBatch(clock.Now(), available));
    told.clear();
    evaluator.RunNow();
    return Show(MakeRuleQuery(engine, store)(*promql::Parse("alerts_by_state"), clock.Now()));
  };
  EXPECT_EQ(at(Millis(0), 1), "");
  EXPECT_EQ(at(Millis(15'000), 0), "alerts_by_state{alertstate=\"pending\"} 1.000000\n");
  EXPECT_TRUE(told.empty());
  EXPECT_EQ(Show(MakeRuleQuery(engine, store)(*promql::Parse("ALERTS_FOR_STATE"), clock.Now())),
            "ALERTS_FOR_STATE{alertname=\"TierDown\", service=\"orgs\", target=\"a:1\", "
            "tier=\"L3\"} 1700000015.000000\n");
  EXPECT_EQ(at(Millis(60'000), 0), "alerts_by_state{alertstate=\"firing\"} 1.000000\n");
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].state, AlertState::kFiring);
  EXPECT_EQ(told[0].labels.Get("tier"), "L3");
  EXPECT_EQ(at(Millis(15'000), 1), "");
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].state, AlertState::kResolved);
  EXPECT_EQ(told[0].resolved_at, clock.Now());
}

/// The machine's clock, set by hand.
class SetClock final : public Clock {
 public:
  TimestampMs Now() const override { return SystemClock().Now() + offset; }
  SteadyTime Steady() const override { return SystemClock().Steady(); }
  std::atomic<TimestampMs> offset = 0;
};

constexpr char kChain[] = R"(
groups:
  - name: chain
    interval: 50ms
    rules:
      - {record: tier_down, expr: 1 - tier_available}
      - alert: TierDown
        expr: tier_down == 1
        annotations: {summary: "{{ $labels.tier }} of {{ $labels.job }} is down"}
)";

class JudgeTest : public testing::Test {
 protected:
  JudgeTest() { Begin(kChain); }

  /// A judge whose predecessor, if any, has ended.
  void Begin(const std::string& rules, bool remote_write = false) {
    judge_.reset();
    registry_ = std::make_unique<prometheus::Registry>();
    const std::string alerting =
        "receivers: [{name: oncall, webhook_configs: [{url: \"" + sink_.Url("/page") +
        "\"}]}]\n"
        "route: {receiver: oncall, group_wait: 0s, group_interval: 100ms, repeat_interval: 1h}\n";
    Config config;
    config.storage_path = folder_.path();
    config.self_labels = {{"job", "tierwatch"}};
    config.external_labels = {{"site", "here"}};
    config.alerting = NotifyConfigOf(alerting);
    config.rules = Rules(rules);
    config.remote_write = remote_write;
    judge_ = std::make_unique<Judge>(config, timeline_, *logger_, *registry_);
  }
  void Append(double available, bool turned = false) {
    std::this_thread::sleep_for(Millis(2));  // two batches of one time are one too many
    judge_->Append(std::make_shared<Batch>(TierBatch(timeline_.Now(), available, turned)));
  }
  double Metric(const std::string& name) const {
    double sum = 0;
    for (const auto& family : registry_->Collect()) {
      if (family.name != name) continue;
      for (const auto& metric : family.metric) sum += metric.counter.value;
    }
    return sum;
  }

  std::size_t Pages(const std::string& status) const {
    std::size_t pages = 0;
    for (const SinkRequest& request : sink_.Requests()) {
      if (request.body.find("\"status\":\"" + status + "\"") != std::string::npos) ++pages;
    }
    return pages;
  }
  TimestampMs FirstTime(const std::string& expr) const {
    const auto range = judge_->Range(expr, clock_.Now() - 60'000, clock_.Now(), Millis(1));
    if (!range.ok() || range->size() != 1) return -1;
    return range->front().points.front().first;
  }

  HttpSink sink_;
  const TempDir folder_;
  SetClock clock_;
  Timeline timeline_{clock_};
  const std::unique_ptr<Logger> logger_ = MakeNullLogger();
  std::unique_ptr<prometheus::Registry> registry_;
  std::unique_ptr<Judge> judge_;
};

TEST_F(JudgeTest, TellsTheWebhookThatAnAlertFiresAndThatItIsOver) {
  Append(0);
  ASSERT_TRUE(WaitUntil([&] { return Pages("firing") > 0; }));
  const std::string page = sink_.Requests()[0].body;
  EXPECT_THAT(page, AllOf(HasSubstr(R"("alertname":"TierDown")"), HasSubstr(R"("service":"orgs")"),
                          HasSubstr(R"("site":"here")"),
                          HasSubstr(R"("summary":"L3 of tierwatch is down")")));
  ASSERT_EQ(judge_->Alerts().size(), 1u);
  EXPECT_EQ(Show(judge_->Instant("ALERTS", timeline_.Now())),
            "ALERTS{alertname=\"TierDown\", alertstate=\"firing\", job=\"tierwatch\", "
            "service=\"orgs\", target=\"a:1\", tier=\"L3\"} 1.000000\n");
  EXPECT_GT(FirstTime("tier_down"), 0);
  EXPECT_EQ(FirstTime("tier_down"), FirstTime("ALERTS")) << "recorded and judged in one evaluation";

  Append(1);
  ASSERT_TRUE(WaitUntil([&] { return Pages("resolved") > 0; }));
  EXPECT_TRUE(judge_->Alerts().empty());
  EXPECT_EQ(Show(judge_->Instant("ALERTS", timeline_.Now())), "");
}

TEST_F(JudgeTest, KnowsItsAlertsAfterARestart) {
  Append(0);
  ASSERT_TRUE(WaitUntil([&] { return Pages("firing") > 0; }));
  const TimestampMs fired_at = judge_->Alerts().at(0).fired_at;
  Begin(kChain);
  ASSERT_EQ(judge_->Alerts().size(), 1u);
  EXPECT_EQ(judge_->Alerts()[0].fired_at, fired_at);
  EXPECT_NE(Show(judge_->Instant("ALERTS", timeline_.Now())), "") << "samples are kept, too";
  Append(1);
  ASSERT_TRUE(WaitUntil([&] { return Pages("resolved") > 0; }));
}

// Samples were lost with the former process, and those who send them are not back yet.
TEST_F(JudgeTest, WaitsForSendersOfSamplesBeforeItEndsAnAlert) {
  Append(0);
  ASSERT_TRUE(WaitUntil([&] { return Pages("firing") > 0; }));
  for (const bool remote_write : {true, false}) {
    judge_.reset();
    std::filesystem::remove(folder_.path() + "/samples");
    Begin(kChain, remote_write);
    for (TimestampMs last = 0, more = 3; more > 0; --more) {
      ASSERT_TRUE(WaitUntil([&] { return judge_->Groups().at(0).last_evaluation > last; }));
      last = judge_->Groups().at(0).last_evaluation;
    }
    EXPECT_EQ(judge_->Alerts().size(), remote_write ? 1u : 0u);
  }
}

TEST_F(JudgeTest, ADamagedStateIsSetAsideAndItGoesOn) {
  Append(0);
  ASSERT_TRUE(WaitUntil([&] { return Pages("firing") > 0; }));
  judge_.reset();
  folder_.Write("state.db", std::string(10'000, 'x'));
  Begin(kChain);
  EXPECT_EQ(Metric("tierwatch_state_database_set_aside_total"), 1);
  Append(0);
  EXPECT_TRUE(WaitUntil([&] { return !judge_->Alerts().empty(); }));
}

TEST_F(JudgeTest, EvaluatesAtOnceWhenATargetGoes) {
  Begin("groups: [{name: g, interval: 1h, rules: [{alert: Down, expr: tier_available == 0}]}]");
  Append(1, true);
  Append(0, true);
  ASSERT_TRUE(WaitUntil([&] { return Pages("firing") > 0; }));
  EXPECT_EQ(judge_->Alerts().size(), 1u);
}

TEST_F(JudgeTest, ASetClockMovesSamplesAndAlertsAlong) {
  for (const TimestampMs by : {3'600'000, -3'600'000}) {
    for (int i = 0; i < 3; ++i) Append(i == 2 ? 0 : 1);
    ASSERT_TRUE(WaitUntil([&] { return judge_->Alerts().size() == 1; }));
    const double jumps = Metric("tierwatch_clock_jumps_total");
    const std::size_t resolved = Pages("resolved");
    const Alert before = judge_->Alerts()[0];
    clock_.offset += by;
    ASSERT_TRUE(WaitUntil([&] { return Metric("tierwatch_clock_jumps_total") == jumps + 1; }));
    ASSERT_TRUE(WaitUntil([&] {
      return judge_->Groups()[0].last_evaluation > before.fired_at + by &&
             std::abs(timeline_.Now() - clock_.Now()) < 1'000;
    }));
    ASSERT_EQ(judge_->Alerts().size(), 1u);
    EXPECT_LT(std::abs(judge_->Alerts()[0].fired_at - before.fired_at - by), 100);
    EXPECT_THAT(Show(judge_->Instant("tier_available", timeline_.Now())), HasSubstr(" 0.0000"));
    EXPECT_EQ(Pages("resolved"), resolved);
    Append(1);
    ASSERT_TRUE(WaitUntil([&] { return Pages("resolved") > resolved; }));
    EXPECT_TRUE(judge_->Alerts().empty());
    EXPECT_THAT(Show(judge_->Instant("tier_available", timeline_.Now())), HasSubstr(" 1.0000"));
    ASSERT_TRUE(WaitUntil([&] { return Pages("resolved") == resolved + 1; }));
  }
}

TEST_F(JudgeTest, QueriesThatCannotBeAnsweredAreErrors) {
  EXPECT_THAT(Show(judge_->Instant("1 +", 0)), HasSubstr("parse error"));
  EXPECT_THAT(Show(judge_->Instant("\"text\"", 0)), HasSubstr("not a vector or scalar"));
  EXPECT_FALSE(judge_->Range("1 +", 0, 1'000, Millis(500)).ok());
  EXPECT_FALSE(judge_->Range("\"text\"", 0, 1'000, Millis(500)).ok());
  const auto range = judge_->Range("vector(7)", 0, 1'000, Millis(500));
  ASSERT_TRUE(range.ok()) << range.error().message;
  ASSERT_EQ(range->size(), 1u);
  EXPECT_EQ(range->front().points,
            (std::vector<std::pair<TimestampMs, double>>{{0, 7}, {500, 7}, {1'000, 7}}));
}

}  // namespace
}  // namespace tierwatch
