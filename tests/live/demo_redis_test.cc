// The demo's backend with a real Redis as L3: it stops, freezes and comes back; requests go on.
#include <gtest/gtest.h>

#include <thread>

#include "demo/backend.h"
#include "demo/redis_cache.h"
#include "tests/support/redis_server.h"

namespace tierwatch::demo {
namespace {

using namespace std::chrono_literals;

TEST(RedisCache, KeepsExpiresAndDeletes) {
  RedisServer server;
  SystemClock clock;
  auto cache = RedisCache::Make(server.url() + "/1", clock);
  ASSERT_TRUE(cache.ok()) << cache.error().message;
  EXPECT_TRUE((*cache)->Available());
  const std::string binary("a\0b\r\n", 5);
  EXPECT_TRUE((*cache)->Set("key", binary, 60s).ok());
  EXPECT_EQ(*(*cache)->Get("key"), binary);
  EXPECT_EQ((*cache)->Stats().entries, 1);
  EXPECT_EQ(server.Cli({"-n", "1", "EXISTS", "key"}), "1\n");
  EXPECT_TRUE((*cache)->Set("short", "x", 50ms).ok());
  EXPECT_TRUE(WaitUntil([&] { return !(*cache)->Get("short")->has_value(); }));
  EXPECT_TRUE((*cache)->Delete("key").ok());
  EXPECT_FALSE((*cache)->Get("key")->has_value());
}

TEST(RedisCache, AnErrorReplyIsAnErrorOfAServerThatIsThere) {
  RedisServer server({"--maxmemory", "1", "--maxmemory-policy", "noeviction"});
  SystemClock clock;
  auto cache = RedisCache::Make(server.url(), clock);
  ASSERT_TRUE(cache.ok());
  const Result<void> set = (*cache)->Set("key", "value", 60s);
  ASSERT_FALSE(set.ok());
  EXPECT_NE(set.error().message.find("OOM"), std::string::npos) << set.error().message;
  EXPECT_TRUE((*cache)->Available());
}

class RedisBackend : public testing::Test {
 protected:
  void SetUp() override {
    BackendOptions options;
    options.redis_url = server_.url();
    backend_ = *Backend::Start(std::move(options), clock_);
    ASSERT_TRUE(WaitForL3(true));
  }
  bool WaitForL3(bool available) {
    return WaitUntil([&] { return backend_->Cache().tiers[2].available == available; });
  }
  /// The share of hits and errors among the requests of the next second.
  void ExpectServed() {
    const CacheCounts before = backend_->Cache().total;
    std::this_thread::sleep_for(1s);
    const CacheCounts after = backend_->Cache().total;
    const auto hits = static_cast<double>(after.hits - before.hits);
    const auto misses = static_cast<double>(after.misses - before.misses);
    EXPECT_GT(hits + misses, 100);
    EXPECT_GT(hits / (hits + misses), 0.60);
    EXPECT_EQ(after.errors, before.errors);
  }

  RedisServer server_;
  SystemClock clock_;
  std::unique_ptr<Backend> backend_;
};

TEST_F(RedisBackend, StoppedItIsUnavailableAndStartedAgainAvailable) {
  EXPECT_GT(backend_->Cache().tiers[2].backend.entries.value_or(0), 1'000);
  server_.Stop();
  ASSERT_TRUE(WaitForL3(false));
  EXPECT_FALSE(backend_->Cache().tiers[2].backend.entries.has_value());
  ExpectServed();
  server_.Start();
  ASSERT_TRUE(WaitForL3(true));
  ExpectServed();
  EXPECT_TRUE(
      WaitUntil([&] { return backend_->Cache().tiers[2].backend.entries.value_or(0) > 0; }));
}

TEST_F(RedisBackend, FrozenItHoldsUpNobody) {
  server_.Freeze();
  ASSERT_TRUE(WaitForL3(false));
  const CacheCounts before = backend_->Cache().total;
  std::this_thread::sleep_for(1s);
  const CacheCounts after = backend_->Cache().total;
  EXPECT_GT(after.hits + after.misses - before.hits - before.misses, 100);
  server_.Thaw();
  ASSERT_TRUE(WaitForL3(true));
  ExpectServed();
}

TEST(RedisTier, ARedisThatIsNotThereIsAnUnavailableTier) {
  SystemClock clock;
  BackendOptions options;
  options.redis_url = "redis://127.0.0.1:" + std::to_string(FreePort());
  auto backend = Backend::Start(std::move(options), clock);
  ASSERT_TRUE(backend.ok());
  const CacheStats stats = (*backend)->Cache();
  EXPECT_TRUE(stats.tiers[0].available);
  EXPECT_FALSE(stats.tiers[2].available);
}

}  // namespace
}  // namespace tierwatch::demo
