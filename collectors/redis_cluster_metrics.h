// The metrics of a Redis Cluster, as the node that is the target sees it.
#pragma once

#include "collectors/redis_info_metrics.h"

namespace tierwatch::redis {

inline constexpr MetricInfo kClusterSlots{"tierwatch_redis_cluster_slots",
                                          prometheus::MetricType::Gauge,
                                          "Hash slots of the cluster by state: assigned, and of "
                                          "those ok, pfail (their node is suspected) "
                                          "and fail.",
                                          {"state"}};
inline constexpr MetricInfo kClusterNodes{
    "tierwatch_redis_cluster_nodes",
    prometheus::MetricType::Gauge,
    "Nodes of the cluster by role and by state in this node's view.",
    {"role", "state"}};
inline constexpr MetricInfo kClusterPrimariesAlone{
    "tierwatch_redis_cluster_primaries_without_replica", prometheus::MetricType::Gauge,
    "Primaries that serve slots and have no replica that is well."};
inline constexpr MetricInfo kClusterNodeSlots{"tierwatch_redis_cluster_node_slots",
                                              prometheus::MetricType::Gauge,
                                              "Hash slots that this node serves."};
inline constexpr MetricInfo kClusterSlotsMoving{
    "tierwatch_redis_cluster_node_slots_moving",
    prometheus::MetricType::Gauge,
    "Hash slots on their way to (in) or from (out) this node.",
    {"direction"}};

inline constexpr MetricInfo kClusterNamed[] = {kClusterSlots, kClusterNodes, kClusterPrimariesAlone,
                                               kClusterNodeSlots, kClusterSlotsMoving};

inline constexpr InfoMetric kClusterInfoMetrics[] = {
    {"cluster_state",
     {"tierwatch_redis_cluster_ok", prometheus::MetricType::Gauge,
      "Whether the node answers queries of its slots: false where slots have no node, or in a "
      "minority."},
     1,
     Reading::kWord},
    {"cluster_size",
     {"tierwatch_redis_cluster_size", prometheus::MetricType::Gauge,
      "Primaries that serve slots."}},
    {"cluster_current_epoch",
     {"tierwatch_redis_cluster_epoch", prometheus::MetricType::Gauge,
      "The cluster's epoch, which rises with each failover."}},
    {"cluster_stats_messages_sent",
     {"tierwatch_redis_cluster_messages_sent_total", prometheus::MetricType::Counter,
      "Messages to other nodes over the cluster's bus."}},
    {"cluster_stats_messages_received",
     {"tierwatch_redis_cluster_messages_received_total", prometheus::MetricType::Counter,
      "Messages from other nodes over the cluster's bus."}},
};

}  // namespace tierwatch::redis
