// cache_health: what a backend says of its tiered cache under GET /cache/health.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "collectors/backend.h"
#include "collectors/collector.h"
#include "collectors/instance_watch.h"

namespace tierwatch {

std::span<const MetricInfo> CacheHealthMetrics();
CollectorEntry ReadCacheHealth(YamlMap& entry, std::string_view service,
                               CollectorResources& resources);

/// What a target is read by.
struct CacheShape {
  std::vector<std::string>
      expected{};              // the levels that should be there; empty: nothing is expected
  JsonPointers fields{};       // from the answer's root
  JsonPointers tier_fields{};  // from a tier; `tiers` may be a list, or a map by name
  double latency_units = 1e3;  // in a second: latencies come in milliseconds
};

/// Reads `expected_tiering`, `fields`, `tier_fields` and `latency_unit` of an entry.
CacheShape ReadCacheShape(YamlMap& entry);

/// The pure part: an answer's body as metrics. Latencies leave in seconds.
/// Both shapes are read: the one with `dependencies` and `tierMetrics`, and the older {healthy,
/// timestamp, backend, message}. What is missing, null or unusable gives no sample. A body that is
/// no health answer gives a sample that is not `up`. `watch` is the target's memory: while several
/// instances answer, counters are withheld.
Sample CacheHealthSample(std::string_view body, const CacheShape& shape, InstanceWatch& watch);

}  // namespace tierwatch
