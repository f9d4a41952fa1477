// The collector `replicas`: how far PostgreSQL's replicas are behind, in seconds and bytes, and
// what slots keep.
#pragma once

#include <span>
#include <string_view>

#include "collectors/collector.h"
#include "collectors/replication_view.h"

namespace tierwatch {

std::span<const MetricInfo> ReplicasMetrics();
CollectorEntry ReadReplicas(YamlMap& entry, std::string_view service,
                            CollectorResources& resources);

}  // namespace tierwatch
