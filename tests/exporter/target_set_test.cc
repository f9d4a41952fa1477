// Targets that come and go while others are sampled.
#include "exporter/target_set.h"

#include <gtest/gtest.h>

#include <condition_variable>

#include "tests/support/process.h"

namespace tierwatch {
namespace {

// Says what the test tells it to; a target whose name is in `hang` is sampled until it is stopped.
struct World {
  std::mutex mutex;
  std::optional<Members> members;
  std::set<std::string> hang, hanging;
  std::map<std::string, int> samples;
  std::vector<std::string> forgotten;

  int Samples(const std::string& name) {
    const std::lock_guard lock(mutex);
    return samples[name];
  }
  void Say(std::optional<Members> now) {
    const std::lock_guard lock(mutex);
    members = std::move(now);
  }
  std::vector<std::string> Forgotten() {
    const std::lock_guard lock(mutex);
    return forgotten;
  }
};

class Scripted final : public Collector {
 public:
  Scripted(World& world, std::string name) : world_(world), name_(std::move(name)) {}
  tierwatch::Sample Collect(const SampleContext& context) override {
    std::unique_lock lock(world_.mutex);
    ++world_.samples[name_];
    if (world_.hang.contains(name_)) {
      world_.hanging.insert(name_);
      lock.unlock();
      std::condition_variable_any stopped;
      std::mutex mutex;
      std::unique_lock wait(mutex);
      stopped.wait(wait, context.stop, [] { return false; });
      return {};
    }
    tierwatch::Sample sample;
    if (name_ == "seed") sample.members = world_.members;
    return sample;
  }

 private:
  World& world_;
  const std::string name_;
};

class NoLogger final : public Logger {
 public:
  void Write(LogLevel, std::string_view, std::initializer_list<LogField>) override {}
};

class TargetSetTest : public testing::Test {
 protected:
  WatchedTarget Make(const std::string& name) {
    WatchedTarget target;
    target.collector = "redis";
    target.labels = Labels{{"service", "s"}, {"target", name}};
    target.interval = target.timeout = Millis(20);
    target.source = std::make_unique<Scripted>(world_, name);
    return target;
  }
  void Start() {
    membership_ = std::make_shared<Membership>(
        [this](const std::string& address) -> Result<WatchedTarget> { return Make(address); });
    membership_->AddSource("seed");
    WatchedTarget seed = Make("seed");
    seed.membership = membership_;
    set_.Add(std::move(seed));
    scheduler_.Start();
  }
  bool Watches(std::vector<std::string> names) {
    std::vector<std::string> watched;
    for (const TargetStatus& status : set_.Status())
      watched.emplace_back(status.labels.Get("target"));
    return watched == names;
  }

  World world_;
  SystemClock clock_;
  NoLogger logger_;
  std::vector<BatchSink> sinks_;
  ConnectionWatch connections_;
  Scheduler scheduler_;
  std::shared_ptr<Membership> membership_;
  TargetSet set_{{clock_, sinks_, logger_, connections_, scheduler_,
                  [this](const std::string&, const Labels& labels) {
                    const std::lock_guard lock(world_.mutex);
                    world_.forgotten.emplace_back(labels.Get("target"));
                  }}};
};

TEST_F(TargetSetTest, WatchesMembersAsTheyAreNamedAndForgetsThemWhenTheyAreNot) {
  world_.members = Members{{"a", "b"}, ""};
  Start();
  EXPECT_TRUE(WaitUntil([&] { return world_.Samples("a") > 2 && world_.Samples("b") > 2; }));
  EXPECT_TRUE(Watches({"a", "b", "seed"}));
  world_.Say(Members{{"b", "c"}, ""});
  EXPECT_TRUE(WaitUntil([&] { return world_.Samples("c") > 2 && !world_.Forgotten().empty(); }));
  EXPECT_TRUE(Watches({"b", "c", "seed"}));
  EXPECT_EQ(world_.Forgotten(), std::vector<std::string>{"a"});
  const int last = world_.Samples("a"), others = world_.Samples("b");
  EXPECT_TRUE(WaitUntil([&] { return world_.Samples("b") > others + 5; }));
  EXPECT_EQ(world_.Samples("a"), last);
  world_.Say(std::nullopt);  // the source is down: all stay
  const int seen = world_.Samples("seed");
  EXPECT_TRUE(WaitUntil([&] { return world_.Samples("seed") > seen + 3; }));
  EXPECT_TRUE(Watches({"b", "c", "seed"}));
}

TEST_F(TargetSetTest, AMemberThatIsConfiguredIsWatchedOnceAndNeverForgotten) {
  world_.members = Members{{"seed", "own", "a"}, ""};
  set_.Add(Make("own"));
  Start();
  EXPECT_TRUE(WaitUntil([&] { return world_.Samples("a") > 0; }));
  EXPECT_TRUE(Watches({"a", "own", "seed"}));
  world_.Say(Members{{}, ""});
  EXPECT_TRUE(WaitUntil([&] { return world_.Forgotten().size() == 1; }));
  EXPECT_TRUE(Watches({"own", "seed"}));
}

TEST_F(TargetSetTest, AMemberThatHangsIsStoppedWhenItGoesAndHoldsUpNobody) {
  world_.members = Members{{"stuck"}, ""};
  world_.hang = {"stuck"};
  Start();
  EXPECT_TRUE(WaitUntil([&] {
    const std::lock_guard lock(world_.mutex);
    return world_.hanging.contains("stuck");
  }));
  world_.Say(Members{{}, ""});
  EXPECT_TRUE(WaitUntil([&] { return world_.Forgotten() == std::vector<std::string>{"stuck"}; }));
  EXPECT_TRUE(Watches({"seed"}));
}

}  // namespace
}  // namespace tierwatch
