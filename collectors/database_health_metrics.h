// The metrics of database_health: claims of the backend, kept apart by name from what is measured
// on the servers.
#pragma once

#include "base/metric.h"

namespace tierwatch::database_health {

inline constexpr auto kGauge = prometheus::MetricType::Gauge;

inline constexpr MetricInfo kLag{
    "tierwatch_backend_reported_replica_lag_seconds",
    kGauge,
    "Replication lag as the backend claims it; absent where it says that it could not read it.",
    {"replica"}};
inline constexpr MetricInfo kReplicaHealthy{
    "tierwatch_backend_reported_replica_healthy",
    kGauge,
    "Whether the backend claims that the replica is healthy.",
    {"replica"}};
inline constexpr MetricInfo kReplicas{"tierwatch_backend_reported_replicas", kGauge,
                                      "How many replicas the backend claims to use."};
inline constexpr MetricInfo kReplicasHealthy{"tierwatch_backend_reported_replicas_healthy", kGauge,
                                             "How many replicas the backend claims to be healthy."};
inline constexpr MetricInfo kReplicasExpected{
    "tierwatch_backend_replicas_expected", kGauge,
    "How many replicas the configuration expects the backend to use."};
inline constexpr MetricInfo kReplicasEnabled{"tierwatch_backend_reported_replicas_enabled", kGauge,
                                             "Whether the backend claims to read from replicas."};
inline constexpr MetricInfo kReplicationHealthy{"tierwatch_backend_reported_replication_healthy",
                                                kGauge,
                                                "Whether the backend claims that its replicas as a "
                                                "whole are healthy; true also where it has none."};
inline constexpr MetricInfo kPrimaryHealthy{
    "tierwatch_backend_reported_primary_healthy", kGauge,
    "Whether the backend claims that its primary is healthy."};
inline constexpr MetricInfo kPoolConnections{
    "tierwatch_backend_reported_pool_connections",
    kGauge,
    "Connections by state as the backend claims them; pool is primary or a replica's name.",
    {"pool", "state"}};
inline constexpr MetricInfo kPoolSize{"tierwatch_backend_reported_pool_size",
                                      kGauge,
                                      "Connections in any state as the backend claims them.",
                                      {"pool"}};
inline constexpr MetricInfo kPartitions{"tierwatch_backend_reported_partitions", kGauge,
                                        "How many partitions the backend claims to have."};
inline constexpr MetricInfo kPartitionRouting{
    "tierwatch_backend_reported_partition_routing_enabled", kGauge,
    "Whether the backend claims to route to partitions."};
inline constexpr MetricInfo kStatus{
    "tierwatch_backend_reported_status",
    kGauge,
    "1 for the status that the backend gives itself, 0 for the others.",
    {"status"}};
inline constexpr MetricInfo kComponentHealthy{
    "tierwatch_backend_reported_component_healthy",
    kGauge,
    "Whether the backend claims that the component is healthy.",
    {"component"}};
inline constexpr MetricInfo kInvalidationQueue{
    "tierwatch_backend_reported_invalidation_queue_length", kGauge,
    "Cache invalidations that wait, as the backend claims."};
inline constexpr MetricInfo kAlerts{"tierwatch_backend_reported_alerts",
                                    kGauge,
                                    "Alerts that the backend claims to be active.",
                                    {"severity"}};

inline constexpr MetricInfo kMetrics[] = {kLag,
                                          kReplicaHealthy,
                                          kReplicas,
                                          kReplicasHealthy,
                                          kReplicasExpected,
                                          kReplicasEnabled,
                                          kReplicationHealthy,
                                          kPrimaryHealthy,
                                          kPoolConnections,
                                          kPoolSize,
                                          kPartitions,
                                          kPartitionRouting,
                                          kStatus,
                                          kComponentHealthy,
                                          kInvalidationQueue,
                                          kAlerts};

}  // namespace tierwatch::database_health
