// cache_health: what a backend says of its tiered cache under GET /cache/health.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "collectors/collector.h"
#include "collectors/instance_watch.h"

namespace tierwatch {

std::span<const MetricInfo> CacheHealthMetrics();
CollectorEntry ReadCacheHealth(YamlMap& entry, std::string_view service,
                               CollectorResources& resources);

/// The pure part: an answer's body as metrics. Latencies come in milliseconds and leave in seconds.
/// Both shapes are read: the one with `dependencies` and `tierMetrics`, and the older {healthy,
/// timestamp, backend, message}. What is missing, null or unusable gives no sample. A body that is
/// no health answer gives a sample that is not `up`. `expected` are the levels that should be
/// there, empty where nothing is expected; `watch` is the target's memory: while several instances
/// answer, counters are withheld.
Sample CacheHealthSample(std::string_view body, const std::vector<std::string>& expected,
                         InstanceWatch& watch);

}  // namespace tierwatch
