#include "exporter/target_set.h"

#include <gmock/gmock.h>

#include <thread>

#include "tests/support/process.h"

namespace tierwatch {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

// Counts its samples; may name members, may take until it is asked to stop.
struct Tally {
  std::atomic<int> made = 0, samples = 0, stopped = 0;
  std::atomic<bool> hangs = false;
};

class Source final : public Collector {
 public:
  explicit Source(Tally& tally) : tally_(tally) { ++tally_.made; }
  Sample Collect(const SampleContext& context) override {
    ++tally_.samples;
    while (tally_.hangs && !context.stop.stop_requested()) std::this_thread::sleep_for(Millis(1));
    if (context.stop.stop_requested()) ++tally_.stopped;
    Sample sample;
    sample.members = Members{{"m:1"}, ""};
    return sample;
  }

 private:
  Tally& tally_;
};

class TargetSetTest : public testing::Test {
 protected:
  TargetSetTest() { scheduler_.Start(); }
  ~TargetSetTest() override {
    targets_.reset();
    scheduler_.Stop();
  }

  WatchedTarget Make(const std::string& name, const std::string& settings = "") {
    WatchedTarget target;
    target.collector = "test";
    target.labels = {{"service", "s"}, {"target", name}};
    target.interval = target.timeout = Millis(3'600'000);
    target.settings = settings;
    target.source = std::make_unique<Source>(tallies_[name]);
    return target;
  }
  template <class... Targets>
  void Watch(Origin origin, Targets... targets) {
    std::vector<WatchedTarget> all;
    (all.push_back(std::move(targets)), ...);
    targets_->Watch(origin, std::move(all));
  }
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const TargetStatus& status : targets_->statuses())
      names.emplace_back(status.labels.Get("target"));
    return names;
  }

  SystemClock clock_;
  std::unique_ptr<Logger> logger_ = MakeNullLogger();
  std::map<std::string, Tally> tallies_;
  std::mutex mutex_;
  std::vector<std::string> forgotten_, members_;
  ConnectionWatch connections_;
  Scheduler scheduler_{{.first_runs_within = Millis(20)}};
  std::optional<TargetSet> targets_{TargetSetParts{
      .clock = clock_,
      .logger = *logger_,
      .scheduler = scheduler_,
      .connections = connections_,
      .sinks = {},
      .forget =
          [this](const WatchedTarget& target) {
            forgotten_.emplace_back(target.labels.Get("target"));
          },
      .members =
          [this](const WatchedTarget& by, const std::optional<Members>& members) {
            const std::lock_guard lock(mutex_);
            members_.push_back(std::string(by.labels.Get("target")) + ">" + members->addresses[0]);
          }}};
};

TEST_F(TargetSetTest, AddedOnesAreSampledSoonAndOthersGoOnUntouched) {
  Watch(Origin::kListed, Make("a"), Make("b"));
  ASSERT_TRUE(WaitUntil([&] { return targets_->AllSampled(); }));
  Watch(Origin::kListed, Make("a"), Make("b"), Make("c"));
  ASSERT_TRUE(WaitUntil([&] { return tallies_["c"].samples == 1; }));
  EXPECT_THAT(Names(), ElementsAre("a", "b", "c"));
  EXPECT_EQ(tallies_["a"].samples, 1);
  EXPECT_THAT(forgotten_, IsEmpty());
  const std::lock_guard lock(mutex_);
  EXPECT_THAT(members_, UnorderedElementsAre("a>m:1", "b>m:1", "c>m:1"));
}

TEST_F(TargetSetTest, ARemovedOneIsStoppedWhereItHangsAndForgotten) {
  tallies_["a"].hangs = true;
  Watch(Origin::kListed, Make("a"), Make("b"));
  ASSERT_TRUE(WaitUntil([&] { return tallies_["a"].samples == 1; }));
  Watch(Origin::kListed, Make("b"));
  EXPECT_EQ(tallies_["a"].stopped, 1);
  EXPECT_THAT(forgotten_, ElementsAre("a"));
  EXPECT_THAT(Names(), ElementsAre("b"));
}

TEST_F(TargetSetTest, ChangedSettingsBeginATargetAnew) {
  Watch(Origin::kListed, Make("a", "every 5s"));
  ASSERT_TRUE(WaitUntil([&] { return tallies_["a"].samples == 1; }));
  Watch(Origin::kListed, Make("a", "every 9s"));
  ASSERT_TRUE(WaitUntil([&] { return tallies_["a"].samples == 2; }));
  EXPECT_THAT(forgotten_, ElementsAre("a"));
}

TEST_F(TargetSetTest, OriginsLeaveEachOtherAlone) {
  Watch(Origin::kListed, Make("a"));
  Watch(Origin::kDiscovered, Make("a", "other"), Make("b"));
  EXPECT_THAT(Names(), ElementsAre("a", "b"));
  EXPECT_THAT(forgotten_, IsEmpty());
  Watch(Origin::kListed);
  EXPECT_THAT(Names(), ElementsAre("b"));
  Watch(Origin::kDiscovered);
  EXPECT_THAT(Names(), IsEmpty());
}

TEST_F(TargetSetTest, EndsWhileTargetsHang) {
  for (const char* name : {"a", "b", "c"}) tallies_[name].hangs = true;
  Watch(Origin::kListed, Make("a"), Make("b"), Make("c"));
  ASSERT_TRUE(WaitUntil([&] { return tallies_["a"].samples == 1; }));
  targets_.reset();
  EXPECT_THAT(forgotten_, IsEmpty());
}

}  // namespace
}  // namespace tierwatch
