// The collector `pool`: PostgreSQL's client connections by state against their limit, the oldest
// transactions, and who waits for a lock; PgBouncer's pools (collectors/pgbouncer_pools.h).
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "collectors/client/postgres_client.h"
#include "collectors/collector.h"

namespace tierwatch {

std::span<const MetricInfo> PoolMetrics();
CollectorEntry ReadPool(YamlMap& entry, std::string_view service, CollectorResources& resources);

/// One row for each state of client connections, from PostgreSQL 12 on; the limits are in all of
/// them. pg_stat_activity takes no lock on any relation.
std::string PoolQuery();

/// The sample of its rows. Where other roles' connections are hidden (kPrivileges), a part would
/// pass for the whole: the limits alone are given.
Sample PoolSample(const Rows& rows);

}  // namespace tierwatch
