// Totals of PostgreSQL's databases, and of the whole server's checkpoints and WAL: rows to samples.
#pragma once

#include <span>
#include <string>

#include "base/metric.h"
#include "base/result.h"
#include "collectors/client/postgres_client.h"

namespace tierwatch {

std::span<const MetricInfo> DatabaseTotalsMetrics();

/// One row for each database but templates. `version` as PostgresSession has it, from 12 on;
/// sessions are counted from 14 on.
std::string DatabasesQuery(int version);
/// One row. Checkpoints moved to pg_stat_checkpointer in 17; pg_stat_wal came with 14, and its
/// writes and syncs moved to pg_stat_io in 18. Before 14, WAL is known by the log's position alone,
/// and on a replica not at all.
std::string ServerTotalsQuery(int version);

/// Errors: kParse, kLimit.
Result<void> AddDatabases(const Rows& rows, FamilySet& families);
/// What has no column, or NULL there, is absent.
Result<void> AddServerTotals(const Rows& rows, FamilySet& families);

}  // namespace tierwatch
