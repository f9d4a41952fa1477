// PostgreSQL's client connections by state against their limit, who they are of, the oldest
// transactions, and who waits for a lock: rows of pg_stat_activity to a sample.
#pragma once

#include <compare>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "collectors/client/postgres_client.h"
#include "collectors/collector.h"
#include "collectors/lock_chains.h"
#include "collectors/sticky_top.h"

namespace tierwatch {

/// Without those of lock chains.
std::span<const MetricInfo> ConnectionsMetrics();

/// Who client connections are of.
struct PoolClient {
  std::string database, user, application;  // application_name, which clients choose
  auto operator<=>(const PoolClient&) const = default;
};

/// One row for each state, database, user and application of client connections, from PostgreSQL 12
/// on, however many connections there are: those besides the `groups` most numerous (database,
/// user, application) have NULL for these. The limits are in all rows. pg_stat_activity takes no
/// lock on any relation.
std::string ConnectionsQuery(std::size_t groups);

/// What was read; `lock_chains` only where somebody waits for a lock.
struct ConnectionsReading {
  Rows connections;
  std::optional<Result<LockChains>> lock_chains;
};

/// The sample of a reading, `clients` brought up to date by it: who has no name there is
/// application="other". Where other roles' connections are hidden (kPrivileges), a part would pass
/// for the whole: the limits alone are given.
Sample ConnectionsSample(const ConnectionsReading& reading, StickyTop<PoolClient>& clients);

/// Shows the connections of the `top` most numerous clients by name.
std::unique_ptr<Collector> MakeConnections(std::shared_ptr<PostgresServer> server, std::size_t top);

}  // namespace tierwatch
