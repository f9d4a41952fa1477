// The collector `pool`: PostgreSQL's client connections by state against their limit, who they are
// of, the oldest transactions, and who waits for a lock; PgBouncer's pools
// (collectors/pgbouncer_pools.h).
#pragma once

#include <compare>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "collectors/client/postgres_client.h"
#include "collectors/collector.h"
#include "collectors/lock_chains.h"
#include "collectors/sticky_top.h"

namespace tierwatch {

std::span<const MetricInfo> PoolMetrics();
CollectorEntry ReadPool(YamlMap& entry, std::string_view service, CollectorResources& resources);

/// Who client connections are of.
struct PoolClient {
  std::string database, user, application;  // application_name, which clients choose
  auto operator<=>(const PoolClient&) const = default;
};

/// One row for each state, database, user and application of client connections, from PostgreSQL 12
/// on, however many connections there are: those besides the `groups` most numerous (database,
/// user, application) have NULL for these. The limits are in all rows. pg_stat_activity takes no
/// lock on any relation.
std::string PoolQuery(std::size_t groups);

/// Client connections that wait for a lock, by its rows; 0 where it can't be told.
double LockWaiters(const Rows& rows);

/// What was read; `lock_chains` only where somebody waits for a lock.
struct PoolReading {
  Rows connections;
  std::optional<Result<LockChains>> lock_chains;
};

/// The sample of a reading, `clients` brought up to date by it: who has no name there is
/// application="other". Where other roles' connections are hidden (kPrivileges), a part would pass
/// for the whole: the limits alone are given.
Sample PoolSample(const PoolReading& reading, StickyTop<PoolClient>& clients);

}  // namespace tierwatch
