// The JSON that the backend serves, in the shapes of the application that tierwatch watches.
#pragma once

#include <chrono>
#include <string>

#include "demo/origin.h"
#include "demo/tiered_cache.h"

namespace tierwatch::demo {

using Uptime = std::chrono::duration<double>;

/// GET /cache/health. Latencies are in milliseconds and absent where no hit was measured lately;
/// `lastHitTier` is absent before the first hit. Each tier's `metadata` holds its own hits, misses,
/// errors, latencyP50 and latencyP95.
std::string CacheHealthJson(const CacheStats& cache, TimestampMs now, Uptime uptime);
/// GET /database/replicas/status
std::string ReplicasStatusJson(const OriginStats& database, TimestampMs now);
/// GET /database/replicas/health
std::string ReplicasHealthJson(const OriginStats& database, TimestampMs now);
/// GET /database/replicas/lag
std::string ReplicasLagJson(const OriginStats& database, TimestampMs now);
/// GET /database/connection-pool/stats
std::string PoolStatsJson(const OriginStats& database, TimestampMs now);
/// GET /monitoring/dashboard
std::string DashboardJson(const CacheStats& cache, const OriginStats& database, TimestampMs now);

}  // namespace tierwatch::demo
