// From a batch to a page: the store, the engine, the rules and the notifier at work together.
#include "exporter/judge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"
#include "tests/support/http_sink.h"
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

Batch TierBatch(TimestampMs time, double available) {
  prometheus::ClientMetric metric;
  metric.label = {{"tier", "L3"}};
  metric.gauge.value = available;
  Batch batch{"cache_health", {{"service", "orgs"}, {"target", "a:1"}}, time, true, {}};
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

class JudgeTest : public testing::Test {
 protected:
  JudgeTest() {
    Diagnostics diagnostics;
    const std::string alerting =
        "receivers: [{name: oncall, webhook_configs: [{url: \"" + sink_.Url("/page") +
        "\"}]}]\n"
        "route: {receiver: oncall, group_wait: 0s, group_interval: 100ms, repeat_interval: 1h}\n";
    const auto node = YamlNode::Parse(alerting, "tw.yml", diagnostics);
    Config config;
    config.self_labels = {{"job", "tierwatch"}};
    config.external_labels = {{"site", "here"}};
    config.alerting = ReadNotifyConfig(node.value(), diagnostics);
    EXPECT_EQ(diagnostics.ToString(), "");
    config.rules = Rules(R"(
groups:
  - name: chain
    interval: 50ms
    rules:
      - {record: tier_down, expr: 1 - tier_available}
      - alert: TierDown
        expr: tier_down == 1
        annotations: {summary: "{{ $labels.tier }} of {{ $labels.job }} is down"}
)");
    judge_ = std::make_unique<Judge>(config, clock_, *logger_, registry_);
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
  const SystemClock clock_;
  const std::unique_ptr<Logger> logger_ = MakeNullLogger();
  prometheus::Registry registry_;
  std::unique_ptr<Judge> judge_;
};

TEST_F(JudgeTest, TellsTheWebhookThatAnAlertFiresAndThatItIsOver) {
  judge_->Append(TierBatch(clock_.Now(), 0));
  ASSERT_TRUE(WaitUntil([&] { return Pages("firing") > 0; }));
  const std::string page = sink_.Requests()[0].body;
  EXPECT_THAT(page, AllOf(HasSubstr(R"("alertname":"TierDown")"), HasSubstr(R"("service":"orgs")"),
                          HasSubstr(R"("site":"here")"),
                          HasSubstr(R"("summary":"L3 of tierwatch is down")")));
  ASSERT_EQ(judge_->Alerts().size(), 1u);
  EXPECT_EQ(Show(judge_->Instant("ALERTS", clock_.Now())),
            "ALERTS{alertname=\"TierDown\", alertstate=\"firing\", job=\"tierwatch\", "
            "service=\"orgs\", target=\"a:1\", tier=\"L3\"} 1.000000\n");
  EXPECT_GT(FirstTime("tier_down"), 0);
  EXPECT_EQ(FirstTime("tier_down"), FirstTime("ALERTS")) << "recorded and judged in one evaluation";

  judge_->Append(TierBatch(clock_.Now(), 1));
  ASSERT_TRUE(WaitUntil([&] { return Pages("resolved") > 0; }));
  EXPECT_TRUE(judge_->Alerts().empty());
  EXPECT_EQ(Show(judge_->Instant("ALERTS", clock_.Now())), "");
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
