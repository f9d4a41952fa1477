#include "demo/backend_json.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/duration.h"

namespace tierwatch::demo {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kHealthyLagSeconds = 10;

/// Three decimals: what a reader of milliseconds or seconds wants to see.
double Rounded(double value) { return std::round(value * 1000) / 1000; }

/// "healthy" with all tiers, "unhealthy" with none, "degraded" between.
std::string Status(const CacheStats& cache) {
  const auto available = [](const TierStats& tier) { return tier.available; };
  if (std::all_of(cache.tiers.begin(), cache.tiers.end(), available)) return "healthy";
  if (std::any_of(cache.tiers.begin(), cache.tiers.end(), available)) return "degraded";
  return "unhealthy";
}

void AddCounts(Json& out, const CacheCounts& counts) {
  out["hits"] = counts.hits;
  out["misses"] = counts.misses;
  out["errors"] = counts.errors;
}

void AddLatency(Json& out, const CacheCounts& counts) {
  if (!counts.latency) return;
  out["latencyP50"] = Rounded(counts.latency->p50);
  out["latencyP95"] = Rounded(counts.latency->p95);
}

Json TierJson(const TierStats& tier) {
  Json out{{"name", tier.name}, {"type", tier.type}, {"available", tier.available}};
  if (tier.backend.entries) out["entries"] = *tier.backend.entries;
  Json& metadata = out["metadata"];
  AddCounts(metadata, tier.counts);
  AddLatency(metadata, tier.counts);
  if (tier.backend.evictions) metadata["evictions"] = *tier.backend.evictions;
  return out;
}

Json CacheDependencyJson(const CacheStats& cache) {
  std::int64_t entries = 0;
  Json tiers = Json::array();
  for (const TierStats& tier : cache.tiers) {
    entries += tier.backend.entries.value_or(0);
    tiers.push_back(TierJson(tier));
  }
  const std::string status = Status(cache);
  return {{"name", "CacheBackend"},
          {"status", status},
          {"stats",
           {{"type", "tiered"},
            {"available", status != "unhealthy"},
            {"entries", entries},
            {"metadata", {{"tiers", tiers}}}}}};
}

Json ConnectionsJson(const OriginStats& database) {
  return {{"total_connections", database.connections},
          {"active_connections", database.active_connections},
          {"idle_connections", database.connections - database.active_connections}};
}

bool ReplicaHealthy(const OriginStats& database) {
  return database.replica_lag_seconds < kHealthyLagSeconds;
}

}  // namespace

std::string CacheHealthJson(const CacheStats& cache, TimestampMs now, Uptime uptime) {
  Json out{{"service", "CacheService"},
           {"version", "1.0.0"},
           {"status", Status(cache)},
           {"dependencies", Json::array({CacheDependencyJson(cache)})},
           {"timestamp", FormatTimestamp(now)},
           {"uptime", Rounded(uptime.count())}};
  Json& metrics = out["tierMetrics"];
  AddCounts(metrics, cache.total);
  if (!cache.last_hit_tier.empty()) metrics["lastHitTier"] = cache.last_hit_tier;
  AddLatency(metrics, cache.total);
  return out.dump();
}

std::string ReplicasStatusJson(const OriginStats& database, TimestampMs now) {
  const bool healthy = ReplicaHealthy(database);
  return Json{{"status", healthy ? "healthy" : "degraded"},
              {"timestamp", FormatTimestamp(now)},
              {"primary", {{"healthy", true}, {"connections", ConnectionsJson(database)}}},
              {"replicas",
               {{"count", 1},
                {"healthy", healthy ? 1 : 0},
                {"unhealthy", healthy ? 0 : 1},
                {"lag", {{database.replica, Rounded(database.replica_lag_seconds)}}},
                {"health", {{database.replica, healthy}}},
                {"connections", Json::object()}}}}
      .dump();
}

std::string ReplicasHealthJson(const OriginStats& database, TimestampMs now) {
  const bool healthy = ReplicaHealthy(database);
  return Json{{"healthy", healthy},
              {"timestamp", FormatTimestamp(now)},
              {"replicasEnabled", true},
              {"replicaCount", 1},
              {"message", healthy ? "All replicas are healthy" : "1 replica lags behind"}}
      .dump();
}

std::string ReplicasLagJson(const OriginStats& database, TimestampMs now) {
  return Json{
      {"timestamp", FormatTimestamp(now)},
      {"replicas", Json::array({{{"name", database.replica},
                                 {"lagSeconds", Rounded(database.replica_lag_seconds)},
                                 {"status", ReplicaHealthy(database) ? "healthy" : "lagging"}}})}}
      .dump();
}

std::string PoolStatsJson(const OriginStats& database, TimestampMs now) {
  return Json{{"timestamp", FormatTimestamp(now)},
              {"primary", ConnectionsJson(database)},
              {"replicas", Json::object()}}
      .dump();
}

std::string DashboardJson(const CacheStats& cache, const OriginStats& database, TimestampMs now) {
  const std::string status = Status(cache);
  const bool replica = ReplicaHealthy(database);
  const auto down = std::count_if(cache.tiers.begin(), cache.tiers.end(),
                                  [](const TierStats& tier) { return !tier.available; });
  Json tiers = Json::array();
  for (const TierStats& tier : cache.tiers) tiers.push_back(TierJson(tier));
  return Json{
      {"timestamp", FormatTimestamp(now)},
      {"overallStatus", replica ? status : "degraded"},
      {"components",
       {{"cache", {{"status", status}, {"backend", "tiered"}, {"details", {{"tiers", tiers}}}}},
        {"database",
         {{"status", replica ? "healthy" : "degraded"},
          {"replicas",
           {{"enabled", true},
            {"total", 1},
            {"healthy", replica ? 1 : 0},
            {"lag", {{database.replica, Rounded(database.replica_lag_seconds)}}}}},
          {"connections", ConnectionsJson(database)}}},
        {"partitions", {{"status", "healthy"}, {"enabled", true}, {"count", database.partitions}}},
        {"invalidation", {{"status", "healthy"}, {"queueSize", 0}, {"stats", Json::object()}}}}},
      {"alerts", {{"active", down}, {"critical", down}, {"warning", 0}}},
      {"metrics", {{"rows", database.rows}}}}
      .dump();
}

}  // namespace tierwatch::demo
