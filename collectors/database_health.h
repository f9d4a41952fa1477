// database_health: what a backend claims of its replicas, connection pools and partitions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "collectors/collector.h"

namespace tierwatch {

std::span<const MetricInfo> DatabaseHealthMetrics();
CollectorEntry ReadDatabaseHealth(YamlMap& entry, std::string_view service,
                                  CollectorResources& resources);

/// The answers of one sampling: the body of each endpoint, or why there is none.
struct DatabaseHealthAnswers {
  Result<std::string> lag = Error{"not asked"};        // /database/replicas/lag
  Result<std::string> status = Error{"not asked"};     // /database/replicas/status
  Result<std::string> health = Error{"not asked"};     // /database/replicas/health
  Result<std::string> pools = Error{"not asked"};      // /database/connection-pool/stats
  Result<std::string> dashboard = Error{"not asked"};  // /monitoring/dashboard
};

/// The pure part. An endpoint that failed is a problem; the others are read all the same. Where
/// several claim the same figure the first of the order above wins. A lag below zero is the
/// backend's own sign of failure: no sample and a problem. The sample is not `up` where no endpoint
/// could be read.
Sample DatabaseHealthSample(const DatabaseHealthAnswers& answers,
                            std::optional<double> expected_replicas);

}  // namespace tierwatch
