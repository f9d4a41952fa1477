// The users: Zipf's law, and what a request does to cache and database.
#include "demo/workload.h"

#include <gtest/gtest.h>

#include "demo/memory_cache.h"
#include "tests/support/fake_clock.h"

namespace tierwatch::demo {
namespace {

using namespace std::chrono_literals;

TEST(Zipf, AsksByRank) {
  const Zipf zipf(3, 1.0);  // 1 + 1/2 + 1/3 = 11/6
  std::mt19937_64 random(1);
  int counts[3] = {};
  constexpr int kDraws = 60'000;
  for (int i = 0; i < kDraws; ++i) ++counts[zipf(random)];
  // Standard deviations are below 125: 1,000 is eight of them.
  EXPECT_NEAR(counts[0], kDraws * 6 / 11, 1'000);
  EXPECT_NEAR(counts[1], kDraws * 3 / 11, 1'000);
  EXPECT_NEAR(counts[2], kDraws * 2 / 11, 1'000);
}

class WorkloadTest : public testing::Test {
 protected:
  void Request(double write_ratio) {
    WorkloadOptions options;
    options.organizations = 1;
    options.write_ratio = write_ratio;
    Workload(options, cache_, origin_, clock_).Request(random_);
  }
  static std::vector<Tier> OneTier(const Clock& clock) {
    std::vector<Tier> tiers;
    tiers.push_back({"L1", "memory", 60s, std::make_unique<MemoryCache>(10, clock)});
    return tiers;
  }

  FakeClock clock_;
  Spend spend_ = [this](Micros time) { clock_.Advance(std::chrono::duration_cast<Millis>(time)); };
  TieredCache cache_{OneTier(clock_), clock_};
  Origin origin_{{.p50 = 60ms, .p95 = 90ms}, spend_, clock_};
  std::mt19937_64 random_{1};
};

TEST_F(WorkloadTest, AReadGoesThroughTheCache) {
  const TimestampMs start = clock_.Now();
  Request(0);
  EXPECT_GT(clock_.Now() - start, 20);  // the query's time
  Request(0);
  EXPECT_EQ(cache_.Stats().total.hits, 1);
  EXPECT_EQ(cache_.Stats().total.misses, 1);
}

TEST_F(WorkloadTest, AWriteInvalidates) {
  Request(0);
  Request(1);
  EXPECT_EQ(origin_.Stats().rows, 1u);
  Request(0);
  EXPECT_EQ(cache_.Stats().total.misses, 2);
  const Result<std::string> served = cache_.Get(
      KeyOfRank(0), [](const CacheKey&) { return Result<std::string>(Error{"should be cached"}); });
  ASSERT_TRUE(served.ok());
  EXPECT_NE(served->find(R"("revision":1)"), std::string::npos) << *served;
}

TEST_F(WorkloadTest, TheReplicaLagsUntilItApplies) {
  EXPECT_EQ(origin_.Stats().replica_lag_seconds, 0);
  origin_.Save("org:1");
  clock_.Advance(1500ms);
  EXPECT_DOUBLE_EQ(origin_.Stats().replica_lag_seconds, 1.5);
  origin_.Replicate();
  EXPECT_EQ(origin_.Stats().replica_lag_seconds, 0);
}

}  // namespace
}  // namespace tierwatch::demo
