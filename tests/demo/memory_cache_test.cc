// The memory cache: least recently used goes first, time to live, entries and evictions.
#include "demo/memory_cache.h"

#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"

namespace tierwatch::demo {
namespace {

constexpr Millis kTtl{1'000};

class MemoryCacheTest : public testing::Test {
 protected:
  std::string Get(const std::string& key) { return cache_.Get(key)->value_or("-"); }
  void Set(const std::string& key, std::string_view value, Millis ttl = kTtl) {
    EXPECT_TRUE(cache_.Set(key, value, ttl).ok());
  }

  FakeClock clock_;
  MemoryCache cache_{3, clock_};
};

TEST_F(MemoryCacheTest, KeepsReplacesAndDeletes) {
  EXPECT_EQ(Get("a"), "-");
  Set("a", "1");
  EXPECT_EQ(Get("a"), "1");
  Set("a", "2");
  EXPECT_EQ(Get("a"), "2");
  EXPECT_EQ(cache_.Stats().entries, 1);
  EXPECT_TRUE(cache_.Delete("a").ok());
  EXPECT_TRUE(cache_.Delete("a").ok());
  EXPECT_EQ(Get("a"), "-");
  EXPECT_EQ(cache_.Stats().entries, 0);
}

TEST_F(MemoryCacheTest, EvictsTheLeastRecentlyUsed) {
  Set("a", "1");
  Set("b", "2");
  Set("c", "3");
  EXPECT_EQ(Get("a"), "1");  // now b is the oldest
  Set("d", "4");
  EXPECT_EQ(Get("b"), "-");
  EXPECT_EQ(Get("a") + Get("c") + Get("d"), "134");
  EXPECT_EQ(cache_.Stats().entries, 3);
  EXPECT_EQ(cache_.Stats().evictions, 1);
}

TEST_F(MemoryCacheTest, ReplacingEvictsNothing) {
  for (const char* key : {"a", "b", "c", "a", "b", "c"}) Set(key, "x");
  EXPECT_EQ(cache_.Stats().entries, 3);
  EXPECT_EQ(cache_.Stats().evictions, 0);
}

TEST_F(MemoryCacheTest, ServesNothingPastItsTime) {
  Set("a", "1", Millis(1'000));
  clock_.Advance(Millis(999));
  EXPECT_EQ(Get("a"), "1");
  clock_.Advance(Millis(1));
  EXPECT_EQ(Get("a"), "-");
  EXPECT_EQ(cache_.Stats().entries, 0);
}

TEST_F(MemoryCacheTest, SettingAgainStartsTheTimeAnew) {
  Set("a", "1");
  clock_.Advance(Millis(900));
  Set("a", "2");
  clock_.Advance(Millis(900));
  EXPECT_EQ(Get("a"), "2");
}

TEST_F(MemoryCacheTest, TheWallClockDoesNotMatter) {
  Set("a", "1");
  clock_.JumpWall(Millis(3'600'000));
  EXPECT_EQ(Get("a"), "1");
}

}  // namespace
}  // namespace tierwatch::demo
