// The metrics of redis: those that are a key of INFO as a table, the others by name.
#pragma once

#include "collectors/redis_info_metrics.h"

namespace tierwatch::redis {

inline constexpr auto kGauge = prometheus::MetricType::Gauge;
inline constexpr auto kCounter = prometheus::MetricType::Counter;
inline constexpr auto kHistogram = prometheus::MetricType::Histogram;

inline constexpr MetricInfo kUp{
    "tierwatch_redis_up", kGauge,
    "Whether the server answered a PING as a server does that can serve."};
inline constexpr MetricInfo kTierInfo{
    "tierwatch_redis_tier_info",
    kGauge,
    "The tier of cache_health that this server is, as configured.",
    {"tier"}};
inline constexpr MetricInfo kProbeDuration{"tierwatch_redis_probe_duration_seconds", kHistogram,
                                           "Round trip of one PING per sample on an open "
                                           "connection; a PING without an answer is not in it."};
inline constexpr MetricInfo kInfo{"tierwatch_redis_info",
                                  kGauge,
                                  "Identity of the server.",
                                  {"software", "version", "mode", "maxmemory_policy"}};
inline constexpr MetricInfo kRole{"tierwatch_redis_role",
                                  kGauge,
                                  "1 for the server's role in replication, 0 for the other.",
                                  {"role"}};
inline constexpr MetricInfo kStartTime{
    "tierwatch_redis_start_time_seconds", kGauge,
    "When the server was started, to the second, by its own clock."};
inline constexpr MetricInfo kCpu{"tierwatch_redis_cpu_seconds_total",
                                 kCounter,
                                 "CPU time of the server, without its children.",
                                 {"mode"}};
inline constexpr MetricInfo kKeys{"tierwatch_redis_keys",
                                  kGauge,
                                  "Keys in the database; an empty one is not listed but for db0.",
                                  {"db"}};
inline constexpr MetricInfo kExpiringKeys{
    "tierwatch_redis_expiring_keys", kGauge, "Keys with a time to live.", {"db"}};
inline constexpr MetricInfo kAverageTtl{
    "tierwatch_redis_average_ttl_seconds",
    kGauge,
    "Mean time to live of the keys that have one, as Redis estimates it.",
    {"db"}};
inline constexpr MetricInfo kCommands{
    "tierwatch_redis_commands_total", kCounter, "Calls of the command.", {"cmd"}};
inline constexpr MetricInfo kCommandDuration{"tierwatch_redis_command_duration_seconds_total",
                                             kCounter,
                                             "CPU time that the command took.",
                                             {"cmd"}};
inline constexpr MetricInfo kCommandsRejected{
    "tierwatch_redis_commands_rejected_total", kCounter, "Calls refused before they ran.", {"cmd"}};
inline constexpr MetricInfo kCommandsFailed{"tierwatch_redis_commands_failed_total",
                                            kCounter,
                                            "Calls that failed while they ran.",
                                            {"cmd"}};
inline constexpr MetricInfo kCommandLatency{
    "tierwatch_redis_command_latency_seconds",
    kHistogram,
    "Durations of the command inside the server, from LATENCY HISTOGRAM. The sum is commandstats' "
    "and was read a moment "
    "apart; NaN where it is not known.",
    {"cmd"}};
inline constexpr MetricInfo kCommandLatencyP50{"tierwatch_redis_command_latency_p50_seconds",
                                               kGauge,
                                               "Median duration of the command since the server's "
                                               "start or CONFIG RESETSTAT, as Redis computes it.",
                                               {"cmd"}};
inline constexpr MetricInfo kCommandLatencyP99{
    "tierwatch_redis_command_latency_p99_seconds",
    kGauge,
    "99th percentile of the command's duration since the server's start or CONFIG RESETSTAT, as "
    "Redis computes it.",
    {"cmd"}};
inline constexpr MetricInfo kCommandLatencyP999{
    "tierwatch_redis_command_latency_p999_seconds",
    kGauge,
    "99.9th percentile of the command's duration since the server's start or CONFIG RESETSTAT, as "
    "Redis computes it.",
    {"cmd"}};
inline constexpr MetricInfo kErrors{
    "tierwatch_redis_errors_total",
    kCounter,
    "Errors among the replies by their code, such as OOM or WRONGTYPE.",
    {"code"}};
inline constexpr MetricInfo kReplicaOnline{"tierwatch_redis_replica_online",
                                           kGauge,
                                           "Whether the replica receives this server's stream.",
                                           {"replica"}};
inline constexpr MetricInfo kReplicationLag{
    "tierwatch_redis_replication_lag_seconds",
    kGauge,
    "Age of the oldest byte of this server's stream that the replica has not acknowledged, to one "
    "sample_interval; absent while it is not online.",
    {"replica"}};
inline constexpr MetricInfo kReplicaLastAck{
    "tierwatch_redis_replica_last_ack_timestamp_seconds",
    kGauge,
    "When the replica last acknowledged, by this server's clock; absent while it is not online.",
    {"replica"}};
inline constexpr MetricInfo kReplicationLagBytes{
    "tierwatch_redis_replication_lag_bytes",
    kGauge,
    "Bytes of the stream that the replica has not acknowledged; absent while it is not online.",
    {"replica"}};
inline constexpr MetricInfo kReplicationLastIo{
    "tierwatch_redis_replication_last_io_timestamp_seconds", kGauge,
    "When this replica last heard from its primary, by its own clock."};
inline constexpr MetricInfo kReplicationLinkDownSince{
    "tierwatch_redis_replication_link_down_since_timestamp_seconds", kGauge,
    "Since when this replica has been cut off from its primary, by its own clock; absent while it "
    "is not."};
inline constexpr MetricInfo kReplicationOffset{
    "tierwatch_redis_replication_offset_bytes", kGauge,
    "Position in the stream: what a primary has written, what a replica has processed."};
inline constexpr MetricInfo kSlowlogEntries{
    "tierwatch_redis_slowlog_entries", kGauge,
    "Entries in the slow log, which holds only the newest."};
inline constexpr MetricInfo kSlowCommands{
    "tierwatch_redis_slow_commands_total", kCounter,
    "Commands that were slow enough for the slow log; absent while the log is empty."};
inline constexpr MetricInfo kLatencyEventLatest{
    "tierwatch_redis_latency_event_latest_seconds",
    kGauge,
    "Duration of the event's latest spike (LATENCY LATEST).",
    {"event"}};
inline constexpr MetricInfo kLatencyEventMax{"tierwatch_redis_latency_event_max_seconds",
                                             kGauge,
                                             "Longest spike of the event (LATENCY LATEST).",
                                             {"event"}};
inline constexpr MetricInfo kLatencyEventTime{"tierwatch_redis_latency_event_timestamp_seconds",
                                              kGauge,
                                              "When the event's latest spike was.",
                                              {"event"}};

inline constexpr MetricInfo kNamed[] = {kUp,
                                        kTierInfo,
                                        kProbeDuration,
                                        kInfo,
                                        kRole,
                                        kStartTime,
                                        kCpu,
                                        kKeys,
                                        kExpiringKeys,
                                        kAverageTtl,
                                        kCommands,
                                        kCommandDuration,
                                        kCommandsRejected,
                                        kCommandsFailed,
                                        kCommandLatency,
                                        kCommandLatencyP50,
                                        kCommandLatencyP99,
                                        kCommandLatencyP999,
                                        kErrors,
                                        kReplicaOnline,
                                        kReplicationLag,
                                        kReplicaLastAck,
                                        kReplicationLagBytes,
                                        kReplicationLastIo,
                                        kReplicationLinkDownSince,
                                        kReplicationOffset,
                                        kSlowlogEntries,
                                        kSlowCommands,
                                        kLatencyEventLatest,
                                        kLatencyEventMax,
                                        kLatencyEventTime};

inline constexpr InfoMetric kInfoMetrics[] = {
    {"connected_clients", {"tierwatch_redis_connected_clients", kGauge, "Connections of clients."}},
    {"blocked_clients",
     {"tierwatch_redis_blocked_clients", kGauge, "Clients that wait in a blocking command."}},
    {"maxclients",
     {"tierwatch_redis_max_clients", kGauge, "Connections of clients that the server allows."}},
    {"used_memory",
     {"tierwatch_redis_memory_used_bytes", kGauge, "Memory that the server has allocated."}},
    {"used_memory_rss",
     {"tierwatch_redis_memory_rss_bytes", kGauge, "Memory that the server holds of the system's."}},
    {"used_memory_peak",
     {"tierwatch_redis_memory_peak_bytes", kGauge, "Most memory ever allocated."}},
    {"used_memory_dataset",
     {"tierwatch_redis_memory_dataset_bytes", kGauge, "Allocated memory that holds data."}},
    {"maxmemory",
     {"tierwatch_redis_memory_max_bytes", kGauge,
      "Limit of allocated memory; absent where there is none."},
     1,
     Reading::kPositive},
    {"total_system_memory",
     {"tierwatch_redis_memory_system_bytes", kGauge, "Memory of the server's machine."},
     1,
     Reading::kPositive},
    {"mem_fragmentation_ratio",
     {"tierwatch_redis_memory_fragmentation_ratio", kGauge, "Resident over allocated memory."}},
    {"loading",
     {"tierwatch_redis_loading", kGauge,
      "Whether the server is loading its data and can't serve yet."}},
    {"rdb_changes_since_last_save",
     {"tierwatch_redis_rdb_changes_since_last_save", kGauge, "Changes that no snapshot holds."}},
    {"rdb_last_save_time",
     {"tierwatch_redis_rdb_last_save_timestamp_seconds", kGauge,
      "When a snapshot last succeeded."}},
    {"rdb_last_bgsave_status",
     {"tierwatch_redis_rdb_last_save_success", kGauge, "Whether the last snapshot succeeded."},
     1,
     Reading::kWord},
    {"rdb_last_bgsave_time_sec",
     {"tierwatch_redis_rdb_last_save_duration_seconds", kGauge,
      "How long the last snapshot took; absent before the first."}},
    {"rdb_bgsave_in_progress",
     {"tierwatch_redis_rdb_save_in_progress", kGauge, "Whether a snapshot is being written."}},
    {"aof_enabled", {"tierwatch_redis_aof_enabled", kGauge, "Whether the append-only file is on."}},
    {"aof_last_write_status",
     {"tierwatch_redis_aof_last_write_success", kGauge,
      "Whether the last write to the append-only file succeeded."},
     1,
     Reading::kWord},
    {"aof_last_bgrewrite_status",
     {"tierwatch_redis_aof_last_rewrite_success", kGauge,
      "Whether the last rewrite of the append-only file succeeded."},
     1,
     Reading::kWord},
    {"aof_rewrite_in_progress",
     {"tierwatch_redis_aof_rewrite_in_progress", kGauge,
      "Whether the append-only file is being rewritten."}},
    {"aof_current_size",
     {"tierwatch_redis_aof_size_bytes", kGauge, "Size of the append-only file."}},
    {"aof_base_size",
     {"tierwatch_redis_aof_base_size_bytes", kGauge,
      "Size of the append-only file after its last rewrite or at the start."}},
    {"aof_pending_bio_fsync",
     {"tierwatch_redis_aof_pending_fsyncs", kGauge,
      "Flushes of the append-only file that wait for the disk."}},
    {"total_connections_received",
     {"tierwatch_redis_connections_received_total", kCounter, "Connections that were accepted."}},
    {"rejected_connections",
     {"tierwatch_redis_rejected_connections_total", kCounter,
      "Connections refused because of maxclients."}},
    {"total_commands_processed",
     {"tierwatch_redis_commands_processed_total", kCounter,
      "Commands that were processed, of all kinds."}},
    {"total_error_replies",
     {"tierwatch_redis_error_replies_total", kCounter, "Errors among the replies."}},
    {"total_net_input_bytes",
     {"tierwatch_redis_net_input_bytes_total", kCounter, "Bytes read from the network."}},
    {"total_net_output_bytes",
     {"tierwatch_redis_net_output_bytes_total", kCounter, "Bytes written to the network."}},
    {"keyspace_hits",
     {"tierwatch_redis_keyspace_hits_total", kCounter, "Look-ups that found their key."}},
    {"keyspace_misses",
     {"tierwatch_redis_keyspace_misses_total", kCounter, "Look-ups that found no key."}},
    {"expired_keys",
     {"tierwatch_redis_expired_keys_total", kCounter, "Keys removed at the end of their life."}},
    {"evicted_keys",
     {"tierwatch_redis_evicted_keys_total", kCounter, "Keys removed because of maxmemory."}},
    {"evicted_clients",
     {"tierwatch_redis_evicted_clients_total", kCounter,
      "Clients dropped because of maxmemory-clients."}},
    {"sync_full",
     {"tierwatch_redis_sync_full_total", kCounter, "Full resynchronisations with replicas."}},
    {"sync_partial_ok",
     {"tierwatch_redis_sync_partial_accepted_total", kCounter,
      "Partial resynchronisations that were possible."}},
    {"sync_partial_err",
     {"tierwatch_redis_sync_partial_refused_total", kCounter,
      "Partial resynchronisations that were not possible."}},
    {"latest_fork_usec",
     {"tierwatch_redis_latest_fork_seconds", kGauge,
      "How long the latest fork held up the server."},
     1e6},
    {"repl_backlog_size",
     {"tierwatch_redis_replication_backlog_size_bytes", kGauge,
      "How much of the stream is kept for replicas that come back."}},
    {"connected_slaves",
     {"tierwatch_redis_connected_replicas", kGauge, "Replicas that are connected."}},
    {"master_link_status",
     {"tierwatch_redis_replication_link_up", kGauge,
      "Whether this replica is connected to its primary."},
     1,
     Reading::kWord},
    {"master_sync_in_progress",
     {"tierwatch_redis_replication_sync_in_progress", kGauge,
      "Whether this replica is loading all of its primary."}},
};

}  // namespace tierwatch::redis
