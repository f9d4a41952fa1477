// What the runner adds to what a collector gives: up, durations, errors by reason, one log line per
// change.
#include "exporter/runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/counter.h>
#include <prometheus/registry.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <stdexcept>
#include <utility>

#include "exporter/text_format.h"
#include "tests/support/fake_clock.h"
#include "tests/support/process.h"

namespace tierwatch {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class ScriptedCollector final : public Collector {
 public:
  explicit ScriptedCollector(std::function<tierwatch::Sample(const SampleContext&)> script)
      : script_(std::move(script)) {}
  tierwatch::Sample Collect(const SampleContext& context) override { return script_(context); }

 private:
  std::function<tierwatch::Sample(const SampleContext&)> script_;
};

class ListLogger final : public Logger {
 public:
  void Write(LogLevel, std::string_view message, std::initializer_list<LogField>) override {
    lines.emplace_back(message);
  }
  std::vector<std::string> lines;
};

class RunnerTest : public testing::Test {
 protected:
  TargetRunner Make() {
    WatchedTarget target;
    target.collector = "redis";
    target.labels = Labels{{"service", "s"}, {"target", "h:1"}};
    target.timeout = Millis(3'000);
    target.source = std::make_unique<ScriptedCollector>(
        [this](const SampleContext& context) { return script_(context); });
    return {
        std::move(target), clock_, {[this](const BatchPtr& batch) { batch_ = batch; }}, logger_};
  }
  std::string Page() const { return RenderText(batch_->families, batch_->target_labels); }

  FakeClock clock_{1'700'000'000'000};
  ListLogger logger_;
  BatchPtr batch_;
  std::function<tierwatch::Sample(const SampleContext&)> script_ = [](const SampleContext&) {
    return tierwatch::Sample{};
  };
};

TEST_F(RunnerTest, AddsItsOwnMetricsToTheBatch) {
  TargetRunner runner = Make();
  script_ = [this](const SampleContext& context) {
    EXPECT_EQ(context.Remaining(), Millis(3'000));
    clock_.Advance(Millis(250));
    tierwatch::Sample sample;
    sample.errors = {
        {"no right", Reason::kPrivileges}, {"odd", Reason::kParse}, {"odd", Reason::kParse}};
    return sample;
  };
  runner.CountSkipped();
  runner.Sample({});
  EXPECT_TRUE(batch_->up);
  EXPECT_EQ(batch_->time, 1'700'000'000'250);
  const std::string page = Page();
  const std::string at = "collector=\"redis\",";
  const std::string who = "service=\"s\",target=\"h:1\"} ";
  for (const std::string& line :
       {"tierwatch_target_up{" + at + who + "1\n",
        "tierwatch_target_sample_duration_seconds{" + at + who + "0.25\n",
        "tierwatch_target_last_success_timestamp_seconds{" + at + who + "1700000000.25\n",
        "tierwatch_target_errors_total{" + at + "reason=\"privileges\"," + who + "1\n",
        "tierwatch_target_errors_total{" + at + "reason=\"parse\"," + who + "2\n",
        "tierwatch_target_errors_total{" + at + "reason=\"timeout\"," + who + "0\n",
        "tierwatch_target_skipped_samplings_total{" + at + who + "1\n"}) {
    EXPECT_THAT(page, HasSubstr(line));
  }
}

TEST_F(RunnerTest, AThrowingCollectorIsATargetThatIsDown) {
  TargetRunner runner = Make();
  script_ = [](const SampleContext&) -> tierwatch::Sample { throw std::runtime_error("boom"); };
  runner.Sample({});
  EXPECT_FALSE(batch_->up);
  EXPECT_THAT(Page(), HasSubstr("reason=\"other\",service=\"s\",target=\"h:1\"} 1\n"));
  EXPECT_THAT(Page(), testing::Not(HasSubstr("last_success")));
  script_ = [](const SampleContext&) -> tierwatch::Sample { throw 7; };
  runner.Sample({});
  EXPECT_THAT(Page(), HasSubstr("reason=\"other\",service=\"s\",target=\"h:1\"} 2\n"));
  EXPECT_EQ(runner.status().errors.at(0).message, "exception of an unknown kind");
}

TEST_F(RunnerTest, TellsEachChangeOnceAndKeepsTheLastSuccess) {
  TargetRunner runner = Make();
  runner.Sample({});
  script_ = [](const SampleContext&) { return Sample::Down({"refused", Reason::kConnect}); };
  clock_.Advance(Millis(1'000));
  for (int i = 0; i < 3; ++i) runner.Sample({});
  const TargetStatus status = runner.status();
  EXPECT_FALSE(status.up);
  EXPECT_EQ(status.last_success, 1'700'000'000'000);
  EXPECT_EQ(status.errors.at(0).message, "refused");
  script_ = [](const SampleContext&) { return tierwatch::Sample{}; };
  for (int i = 0; i < 3; ++i) runner.Sample({});
  EXPECT_THAT(logger_.lines, ElementsAre("target is down", "target is up again"));
}

// A connection whose peer is in the test's hands.
struct Pair {
  Pair() { EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0); }
  ~Pair() {
    ::close(ends[0]);
    HangUp();
  }
  void HangUp() {
    if (ends[1] >= 0) ::close(std::exchange(ends[1], -1));
  }
  int ends[2];
};

TEST_F(RunnerTest, AHangUpAsksForASampleAndIsJudgedAtOnce) {
  ConnectionWatch watch;
  TargetRunner runner = Make();
  std::atomic<int> asked = 0;
  std::atomic<SteadyTime> at = SteadyTime::min();
  runner.WatchConnections(watch, [&](SteadyTime time) {
    at = time;
    ++asked;
  });
  const auto hang_up = [&] {
    Pair connection;
    script_ = [&](const SampleContext& context) {
      context.kept(connection.ends[0]);
      return tierwatch::Sample{};
    };
    runner.Sample({});
    const int before = asked;
    connection.HangUp();
    EXPECT_TRUE(WaitUntil([&] { return asked == before + 1; }));
    return at.load() - clock_.Steady();
  };
  EXPECT_EQ(hang_up(), Millis(0));
  script_ = [](const SampleContext&) { return Sample::Down({"refused", Reason::kConnect}); };
  runner.Sample({});
  EXPECT_TRUE(batch_->turned);
  EXPECT_EQ(asked, 2);
  EXPECT_EQ(at.load() - clock_.Steady(), Millis(1'000)) << "when others have noticed, too";
  runner.Sample({});
  EXPECT_TRUE(batch_->turned);
  runner.Sample({});
  EXPECT_FALSE(batch_->turned);
  EXPECT_EQ(asked, 2);
  // It was gone: a second of peace. It was not: a minute.
  EXPECT_EQ(hang_up(), Millis(1'000));
  clock_.Advance(Millis(1'000));
  script_ = [](const SampleContext&) { return tierwatch::Sample{}; };
  runner.Sample({});
  EXPECT_TRUE(batch_->turned) << "whatever made it hang up";
  EXPECT_EQ(hang_up(), Millis(60'000));
  EXPECT_THAT(Page(), HasSubstr("tierwatch_target_hang_ups_total{collector=\"redis\",service=\"s\","
                                "target=\"h:1\"} 2\n"));
}

TEST_F(RunnerTest, ASamplingThatStopCutShortIsNotPublished) {
  TargetRunner runner = Make();
  std::stop_source stop;
  script_ = [&](const SampleContext&) {
    stop.request_stop();
    return Sample::Down({"cancelled"});
  };
  runner.Sample(stop.get_token());
  EXPECT_EQ(batch_, nullptr);
  EXPECT_FALSE(runner.status().sampled);
}

TEST(SampleSelf, JoinsFamiliesOfManyRegistries) {
  std::vector<std::shared_ptr<const prometheus::Collectable>> registries;
  for (const char* part : {"a", "b"}) {
    auto registry = std::make_shared<prometheus::Registry>();
    prometheus::BuildCounter()
        .Name("tierwatch_x_total")
        .Help("X.")
        .Register(*registry)
        .Add({{"part", part}});
    registries.push_back(registry);
  }
  const BatchPtr batch = SampleSelf(registries, FakeClock());
  ASSERT_EQ(batch->families.size(), 1u);
  EXPECT_EQ(batch->families[0].metric.size(), 2u);
  EXPECT_EQ(batch->collector, "self");
}

TEST(WatchedTarget, HashSpreadsTargetsThatDifferByOneDigit) {
  std::array<int, 10> tenths{};
  for (int i = 0; i < 1000; ++i) {
    WatchedTarget target;
    target.collector = "redis";
    target.labels = Labels{{"target", "10.0.0." + std::to_string(i) + ":6379"}};
    ++tenths[target.Hash() % 15'000 / 1'500];
  }
  for (const int count : tenths) EXPECT_NEAR(count, 100, 50);
}

}  // namespace
}  // namespace tierwatch
