// What PgBouncer says of its pools: rows of SHOW POOLS, STATS, DATABASES and CONFIG to a sample.
// By column name: what PgBouncer 1.8 to 1.25 have in common, and what some have besides.
#pragma once

#include <memory>
#include <optional>
#include <span>

#include "base/http_client.h"
#include "collectors/client/postgres_address.h"
#include "collectors/client/postgres_client.h"
#include "collectors/collector.h"

namespace tierwatch {

std::span<const MetricInfo> PgBouncerMetrics();

/// What was read; what could not be is absent.
struct PgBouncerReading {
  std::optional<Rows> pools, stats, databases, config;
};

/// More pools or databases than can be shown are kLimit: then there is none.
Sample PgBouncerSample(const PgBouncerReading& reading);

/// Connects anew for each sampling; the user must be one of PgBouncer's stats_users or admin_users.
std::unique_ptr<Collector> MakePgBouncer(PostgresAddress address, Secret password);

}  // namespace tierwatch
