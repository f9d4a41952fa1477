// A Redis Cluster as one of its nodes sees it: CLUSTER INFO and CLUSTER NODES, which every version
// knows.
#pragma once

#include <optional>

#include "base/metric.h"
#include "collectors/collector.h"
#include "collectors/redis_problems.h"
#include "collectors/redis_replies.h"

namespace tierwatch {

std::span<const MetricInfo> RedisClusterMetrics();

/// Members are "host:port"; nothing where CLUSTER NODES was not asked or not answered. At most
/// 1,000 nodes. A node with which the handshake is not over is none yet; one without an address is
/// no member.
std::optional<Members> ReadRedisCluster(const RedisReplies& replies, FamilySet& families,
                                        RedisProblems& problems);

}  // namespace tierwatch
