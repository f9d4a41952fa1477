// The collector `queries`: what PostgreSQL's heaviest statements and the rest cost, and the totals
// of its databases, checkpoints and WAL (collectors/database_totals.h).
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "collectors/client/postgres_client.h"
#include "collectors/collector.h"
#include "collectors/statement_totals.h"

namespace tierwatch {

std::span<const MetricInfo> QueriesMetrics();
CollectorEntry ReadQueries(YamlMap& entry, std::string_view service, CollectorResources& resources);

/// What was read; what could not be is absent.
struct QueriesReading {
  std::optional<Rows> statements, databases, server;
};

/// The families of a reading, `totals` brought up to date by it. Where other roles' statements are
/// hidden (kPrivileges), statements are left out as a whole.
Sample QueriesSample(const QueriesReading& reading, StatementTotals& totals);

}  // namespace tierwatch
