// The collector `pool`: a PostgreSQL's client connections (collectors/postgres_connections.h), or a
// PgBouncer's pools (collectors/pgbouncer_pools.h).
#pragma once

#include <span>
#include <string_view>

#include "collectors/collector.h"

namespace tierwatch {

std::span<const MetricInfo> PoolMetrics();
CollectorEntry ReadPool(YamlMap& entry, std::string_view service, CollectorResources& resources);

}  // namespace tierwatch
