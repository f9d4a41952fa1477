// What PgBouncer says of its pools: rows of SHOW POOLS and SHOW CONFIG to a sample.
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

/// What could not be read is absent. More pools than can be shown are kLimit: then there is none.
Sample PgBouncerSample(const std::optional<Rows>& pools, const std::optional<Rows>& config);

/// Connects anew for each sampling; the user must be one of PgBouncer's stats_users or admin_users.
std::unique_ptr<Collector> MakePgBouncer(PostgresAddress address, Secret password);

}  // namespace tierwatch
