// The tiered cache over memory tiers behind links: read-through, backfill, write-through, versions,
// fallback, counts.
#include "demo/tiered_cache.h"

#include <gtest/gtest.h>

#include "demo/link.h"
#include "demo/memory_cache.h"
#include "tests/support/fake_clock.h"

namespace tierwatch::demo {
namespace {

using namespace std::chrono_literals;

const CacheKey kKey{.owner = "org:1", .name = "profile"};

class TieredCacheTest : public testing::Test {
 protected:
  TieredCacheTest() {
    const Spend spend = [this](Micros time) {
      clock_.Advance(std::chrono::duration_cast<Millis>(time));
    };
    std::vector<Tier> tiers;
    for (int tier = 0; tier < 3; ++tier) {
      auto store = std::make_unique<MemoryCache>(10, clock_);
      stores_[tier] = store.get();
      auto link = std::make_unique<Link>(std::move(store), Latency{}, spend, 1);
      faults_[tier] = &link->faults();
      tiers.push_back({"L" + std::to_string(tier + 1), "memory", 60s, std::move(link)});
    }
    cache_ = std::make_unique<TieredCache>(std::move(tiers), clock_);
  }

  std::string Get(const CacheKey& key = kKey) {
    Result<std::string> value = cache_->Get(key, [this](const CacheKey&) -> Result<std::string> {
      ++loads_;
      if (origin_down_) return Error{"no origin"};
      return origin_;
    });
    return value.ok() ? *value : value.error().message;
  }
  std::int64_t Entries(int tier) { return stores_[tier]->Stats().entries.value_or(-1); }

  FakeClock clock_;
  MemoryCache* stores_[3];
  LinkFaults* faults_[3];
  std::unique_ptr<TieredCache> cache_;
  std::string origin_ = "v1";
  bool origin_down_ = false;
  int loads_ = 0;
};

TEST_F(TieredCacheTest, ReadsThroughAndWritesToAllTiers) {
  EXPECT_EQ(Get(), "v1");
  EXPECT_EQ(loads_, 1);
  for (int tier = 0; tier < 3; ++tier) EXPECT_EQ(Entries(tier), 1);
  EXPECT_EQ(Get(), "v1");
  EXPECT_EQ(loads_, 1);

  const CacheStats stats = cache_->Stats();
  EXPECT_EQ(stats.total.hits, 1);
  EXPECT_EQ(stats.total.misses, 1);
  EXPECT_EQ(stats.last_hit_tier, "L1");
  EXPECT_EQ(stats.tiers[0].counts.hits, 1);
  EXPECT_EQ(stats.tiers[0].counts.misses, 1);
  EXPECT_EQ(stats.tiers[2].counts.hits, 0);
  EXPECT_EQ(stats.tiers[2].counts.misses, 1);  // the second read never came this far
}

TEST_F(TieredCacheTest, BackfillsTheTiersAboveTheHit) {
  faults_[0]->down = true;
  faults_[1]->down = true;
  Get();
  EXPECT_EQ(Entries(0) + Entries(1), 0);
  faults_[0]->down = false;
  faults_[1]->down = false;
  EXPECT_EQ(Get(), "v1");
  EXPECT_EQ(loads_, 1);
  EXPECT_EQ(Entries(0), 1);
  EXPECT_EQ(Entries(1), 1);
  const CacheStats stats = cache_->Stats();
  EXPECT_EQ(stats.last_hit_tier, "L3");
  EXPECT_EQ(stats.tiers[2].counts.hits, 1);
  EXPECT_EQ(stats.total.hits, 1);
}

TEST_F(TieredCacheTest, PassesByWhatIsNotAvailable) {
  for (LinkFaults* faults : faults_) faults->down = true;
  EXPECT_EQ(Get(), "v1");
  EXPECT_EQ(Get(), "v1");
  EXPECT_EQ(loads_, 2);
  const CacheStats stats = cache_->Stats();
  EXPECT_EQ(stats.total.misses, 2);
  EXPECT_EQ(stats.total.errors, 0);
  for (const TierStats& tier : stats.tiers) {
    EXPECT_FALSE(tier.available);
    EXPECT_EQ(tier.counts.misses, 0);
    EXPECT_FALSE(tier.backend.entries.has_value());  // unknown, not zero
  }
}

TEST_F(TieredCacheTest, AFailingTierIsAnErrorAndNoMoreThanAMiss) {
  Get();
  faults_[0]->error_ratio = 1;
  EXPECT_EQ(Get(), "v1");
  EXPECT_EQ(loads_, 1);
  const CacheStats stats = cache_->Stats();
  EXPECT_EQ(stats.tiers[0].counts.errors, 2);  // the read and the backfill
  EXPECT_EQ(stats.tiers[1].counts.hits, 1);
  EXPECT_EQ(stats.total.errors, 2);
  EXPECT_EQ(stats.total.hits, 1);
  EXPECT_TRUE(stats.tiers[0].available);
}

TEST_F(TieredCacheTest, AnOriginThatFailsIsTheCallersError) {
  origin_down_ = true;
  EXPECT_EQ(Get(), "no origin");
  EXPECT_EQ(Entries(0), 0);
}

TEST_F(TieredCacheTest, InvalidationHidesAllOfAnOwnerAndNothingElse) {
  const CacheKey settings{.owner = "org:1", .name = "settings"};
  const CacheKey other{.owner = "org:2", .name = "profile"};
  Get();
  Get(settings);
  Get(other);
  origin_ = "v2";
  cache_->Invalidate("org:1");
  EXPECT_EQ(Get(), "v2");
  EXPECT_EQ(Get(settings), "v2");
  EXPECT_EQ(Get(other), "v1");
}

TEST_F(TieredCacheTest, InvalidationReachesATierThatWasAway) {
  Get();
  faults_[2]->down = true;
  origin_ = "v2";
  cache_->Invalidate("org:1");
  faults_[2]->down = false;
  EXPECT_EQ(Get(), "v2");
}

TEST_F(TieredCacheTest, InvalidateAllHidesEverythingForGood) {
  cache_->Invalidate("org:1");
  Get();
  origin_ = "v2";
  cache_->InvalidateAll();
  EXPECT_EQ(Get(), "v2");
  cache_->Invalidate("org:1");  // the owner's version is 1 again: in another epoch
  origin_ = "v3";
  EXPECT_EQ(Get(), "v3");
}

TEST_F(TieredCacheTest, AValueLoadedBeforeAnInvalidationIsNotServedAfterIt) {
  const Result<std::string> old = cache_->Get(kKey, [this](const CacheKey&) {
    cache_->Invalidate("org:1");  // while the load is under way
    return Result<std::string>("v1");
  });
  EXPECT_EQ(*old, "v1");
  origin_ = "v2";
  EXPECT_EQ(Get(), "v2");
}

TEST_F(TieredCacheTest, PutAndDelete) {
  cache_->Put(kKey, "put");
  EXPECT_EQ(Get(), "put");
  EXPECT_EQ(loads_, 0);
  cache_->Delete(kKey);
  for (int tier = 0; tier < 3; ++tier) EXPECT_EQ(Entries(tier), 0);
  EXPECT_EQ(Get(), "v1");
}

TEST_F(TieredCacheTest, LatencyIsThatOfHitsAndRecovers) {
  Get();
  EXPECT_FALSE(cache_->Stats().total.latency.has_value());  // no hit yet
  faults_[0]->extra_micros = 200'000;
  Get();
  ASSERT_TRUE(cache_->Stats().total.latency.has_value());
  EXPECT_DOUBLE_EQ(cache_->Stats().total.latency->p95, 200);
  EXPECT_DOUBLE_EQ(cache_->Stats().tiers[0].counts.latency->p50, 200);
  faults_[0]->extra_micros = 0;
  clock_.Advance(6s);
  EXPECT_FALSE(cache_->Stats().total.latency.has_value());  // unknown, not old
  Get();
  EXPECT_DOUBLE_EQ(cache_->Stats().total.latency->p95, 0);
}

}  // namespace
}  // namespace tierwatch::demo
