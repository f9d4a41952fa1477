// The backend's JSON against the shape of the application that it stands for.
#include "demo/backend_json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/support/files.h"

namespace tierwatch::demo {
namespace {

using Json = nlohmann::json;

CacheStats SeedStats() {
  TierStats l1;
  l1.name = "L1-Memory";
  l1.type = "memory";
  l1.available = true;
  l1.backend.entries = 5234;
  l1.counts = {.hits = 12000, .misses = 1684, .errors = 0, .latency = LatencyPercentiles{1, 2.5}};
  TierStats l2;
  l2.name = "L2-Encore";
  l2.type = "encore";
  l2.available = true;
  l2.backend.entries = 10000;
  CacheStats stats;
  stats.total = {.hits = 12450, .misses = 1234, .errors = 12, .latency = LatencyPercentiles{5, 25}};
  stats.last_hit_tier = "L1-Memory";
  stats.tiers = {l1, l2};
  return stats;
}

constexpr TimestampMs kSeedTime = 1'762'545'600'000;  // 2025-11-07T20:00:00Z

TEST(BackendJson, HealthIsTheSeedsWithMoreOfEachTier) {
  // The block of the application's own description of GET /cache/health, to the letter.
  const Json seed = Json::parse(ReadFile(SourcePath("tests/demo/cache_health.json")));
  Json got = Json::parse(CacheHealthJson(SeedStats(), kSeedTime, Uptime(3600)));

  Json& tiers = got["dependencies"][0]["stats"]["metadata"]["tiers"];
  EXPECT_EQ(
      tiers[0]["metadata"],
      Json::parse(R"({"hits":12000,"misses":1684,"errors":0,"latencyP50":1.0,"latencyP95":2.5})"));
  EXPECT_EQ(tiers[1]["metadata"], Json::parse(R"({"hits":0,"misses":0,"errors":0})"));

  // Without what is added, and but for the spelling of whole seconds, it is the same document.
  for (Json& tier : tiers) tier.erase("metadata");
  tiers[1].erase("entries");
  EXPECT_EQ(got["timestamp"], "2025-11-07T20:00:00Z");
  got["timestamp"] = seed["timestamp"];
  EXPECT_EQ(got, seed);
}

TEST(BackendJson, WhatIsUnknownIsAbsent) {
  CacheStats stats = SeedStats();
  stats.total.latency.reset();
  stats.last_hit_tier.clear();
  stats.tiers[1].available = false;
  stats.tiers[1].backend.entries.reset();
  const Json got = Json::parse(CacheHealthJson(stats, kSeedTime, Uptime(1)));
  EXPECT_FALSE(got["tierMetrics"].contains("latencyP50"));
  EXPECT_FALSE(got["tierMetrics"].contains("latencyP95"));
  EXPECT_FALSE(got["tierMetrics"].contains("lastHitTier"));
  EXPECT_FALSE(got["dependencies"][0]["stats"]["metadata"]["tiers"][1].contains("entries"));
  EXPECT_EQ(got["status"], "degraded");
  EXPECT_EQ(got["dependencies"][0]["stats"]["available"], true);
}

TEST(BackendJson, WithoutAnyTierItIsUnhealthy) {
  CacheStats stats = SeedStats();
  for (TierStats& tier : stats.tiers) tier.available = false;
  const Json got = Json::parse(CacheHealthJson(stats, kSeedTime, Uptime(1)));
  EXPECT_EQ(got["status"], "unhealthy");
  EXPECT_EQ(got["dependencies"][0]["stats"]["available"], false);
}

TEST(BackendJson, ReplicasAndDashboard) {
  OriginStats database;
  database.connections = 20;
  database.active_connections = 3;
  database.replica = "replica-1";
  database.replica_lag_seconds = 0.2004;
  database.partitions = 16;

  EXPECT_EQ(Json::parse(ReplicasLagJson(database, kSeedTime))["replicas"],
            Json::parse(R"([{"name":"replica-1","lagSeconds":0.2,"status":"healthy"}])"));
  const Json status = Json::parse(ReplicasStatusJson(database, kSeedTime));
  EXPECT_EQ(
      status["primary"]["connections"],
      Json::parse(R"({"total_connections":20,"active_connections":3,"idle_connections":17})"));
  EXPECT_EQ(status["replicas"]["health"], Json::parse(R"({"replica-1":true})"));
  EXPECT_EQ(Json::parse(PoolStatsJson(database, kSeedTime))["primary"]["active_connections"], 3);
  const Json dashboard = Json::parse(DashboardJson(SeedStats(), database, kSeedTime));
  EXPECT_EQ(dashboard["overallStatus"], "healthy");
  EXPECT_EQ(dashboard["components"]["partitions"]["count"], 16);

  database.replica_lag_seconds = 10;
  EXPECT_EQ(Json::parse(ReplicasHealthJson(database, kSeedTime))["healthy"], false);
  EXPECT_EQ(Json::parse(DashboardJson(SeedStats(), database, kSeedTime))["overallStatus"],
            "degraded");
}

}  // namespace
}  // namespace tierwatch::demo
