// The collector `partitions`: count, rows, bytes, runway, gaps, default rows and skew of
// PostgreSQL's partitioned tables.
#pragma once

#include <span>
#include <string_view>

#include "collectors/collector.h"

namespace tierwatch {

std::span<const MetricInfo> PartitionsMetrics();
CollectorEntry ReadPartitions(YamlMap& entry, std::string_view service,
                              CollectorResources& resources);

}  // namespace tierwatch
