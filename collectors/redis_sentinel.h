// What a Redis Sentinel knows of the primary that it watches, and of its replicas.
#pragma once

#include <optional>

#include "base/metric.h"
#include "collectors/collector.h"
#include "collectors/redis_problems.h"
#include "collectors/redis_replies.h"

namespace tierwatch {

std::span<const MetricInfo> RedisSentinelMetrics();

/// Members are "host:port": the primary and its replicas, whoever is which now, also those that are
/// down. Nothing where the sentinel was not asked or does not know the primary or its replicas. At
/// most 1,000.
std::optional<Members> ReadRedisSentinel(const RedisReplies& replies, FamilySet& families,
                                         RedisProblems& problems);

}  // namespace tierwatch
