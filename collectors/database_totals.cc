#include "collectors/database_totals.h"

#include <fmt/format.h>

#include <array>
#include <set>
#include <string_view>

#include "collectors/metric_tables.h"
#include "collectors/postgres_source.h"

namespace tierwatch {
namespace {

using prometheus::MetricType;

constexpr MetricInfo Database(std::string_view name, std::string_view help) {
  return {name, MetricType::Counter, help, {"database"}};
}
constexpr MetricInfo Server(std::string_view name, std::string_view help) {
  return {name, MetricType::Counter, help};
}

struct Column {
  std::string_view name;
  MetricInfo metric;
};
constexpr std::array<Column, 14> kDatabaseColumns{{
    {"commits", Database("tierwatch_database_commits_total", "Transactions committed.")},
    {"rollbacks", Database("tierwatch_database_rollbacks_total", "Transactions rolled back.")},
    {"deadlocks", Database("tierwatch_database_deadlocks_total", "Deadlocks found.")},
    {"temp_bytes", Database("tierwatch_database_temp_bytes_total",
                            "Bytes that statements wrote to temporary files.")},
    {"temp_files",
     Database("tierwatch_database_temp_files_total", "Temporary files that statements made.")},
    {"blocks_hit", Database("tierwatch_database_blocks_hit_total",
                            "Blocks of a database found in shared buffers.")},
    {"blocks_read", Database("tierwatch_database_blocks_read_total",
                             "Blocks of a database read into shared buffers.")},
    {"sessions", Database("tierwatch_database_sessions_total",
                          "Sessions begun in a database; this and the next six from PostgreSQL 14 "
                          "on.")},
    {"sessions_abandoned", Database("tierwatch_database_sessions_abandoned_total",
                                    "Sessions that ended because the client was lost.")},
    {"sessions_fatal",
     Database("tierwatch_database_sessions_fatal_total", "Sessions that ended by a fatal error.")},
    {"sessions_killed",
     Database("tierwatch_database_sessions_killed_total", "Sessions that an operator ended.")},
    {"session_seconds", Database("tierwatch_database_session_seconds_total",
                                 "Time that sessions were connected to a database.")},
    {"active_seconds", Database("tierwatch_database_active_seconds_total",
                                "Time that sessions of a database executed statements.")},
    {"idle_in_transaction_seconds",
     Database("tierwatch_database_idle_in_transaction_seconds_total",
              "Time that sessions of a database were idle inside a transaction.")},
}};
constexpr MetricInfo kCheckpoints{
    "tierwatch_checkpoints_total",
    MetricType::Counter,
    "Checkpoints of the server by cause: timed, or requested (by much WAL, a backup or a command); "
    "before PostgreSQL 17 a replica's restartpoints among them.",
    {"cause"}};
constexpr std::array<Column, 11> kServerColumns{{
    {"checkpoint_write_seconds",
     Server("tierwatch_checkpoint_write_seconds_total", "Time that checkpoints wrote files.")},
    {"checkpoint_sync_seconds",
     Server("tierwatch_checkpoint_sync_seconds_total", "Time that checkpoints synced files.")},
    {"checkpoint_buffers",
     Server("tierwatch_checkpoint_buffers_written_total", "Buffers that checkpoints wrote.")},
    {"wal_bytes",
     Server("tierwatch_wal_bytes_total",
            "Bytes of WAL that the server generated; before PostgreSQL 14 the position "
            "in the log, the padding of its files among it.")},
    {"wal_records", Server("tierwatch_wal_records_total", "Records of WAL generated.")},
    {"wal_full_page_images",
     Server("tierwatch_wal_full_page_images_total", "Images of whole pages among the WAL.")},
    {"wal_buffers_full",
     Server("tierwatch_wal_buffers_full_total",
            "Times that WAL had to be written to disk because its buffers were full.")},
    {"wal_writes", Server("tierwatch_wal_writes_total", "Writes of WAL buffers to disk.")},
    {"wal_syncs", Server("tierwatch_wal_syncs_total", "Syncs of WAL files to disk.")},
    {"wal_write_seconds",
     Server("tierwatch_wal_write_seconds_total",
            "Time of writing WAL buffers to disk; absent without track_wal_io_timing.")},
    {"wal_sync_seconds",
     Server("tierwatch_wal_sync_seconds_total",
            "Time of syncing WAL files to disk; absent without track_wal_io_timing.")},
}};
constexpr std::array kMetrics =
    JoinMetrics(MetricsOf(kDatabaseColumns), std::array{kCheckpoints}, MetricsOf(kServerColumns));

constexpr std::size_t kMostDatabases = 500;

constexpr std::string_view kDatabases = R"(
SELECT d.datname AS database, s.xact_commit AS commits, s.xact_rollback AS rollbacks, s.deadlocks,
  s.temp_bytes, s.temp_files, s.blks_hit AS blocks_hit, s.blks_read AS blocks_read{}
FROM pg_database d JOIN pg_stat_database s ON s.datid = d.oid
WHERE NOT d.datistemplate ORDER BY d.datname)";
constexpr std::string_view kSessions = R"(,
  s.sessions, s.sessions_abandoned, s.sessions_fatal, s.sessions_killed,
  s.session_time / 1000 AS session_seconds, s.active_time / 1000 AS active_seconds,
  s.idle_in_transaction_time / 1000 AS idle_in_transaction_seconds)";

constexpr std::string_view kCheckpoints12 = R"(
SELECT checkpoints_timed, checkpoints_req AS checkpoints_requested,
  checkpoint_write_time / 1000 AS checkpoint_write_seconds,
  checkpoint_sync_time / 1000 AS checkpoint_sync_seconds, buffers_checkpoint AS checkpoint_buffers
FROM pg_stat_bgwriter)";
constexpr std::string_view kCheckpoints17 = R"(
SELECT num_timed AS checkpoints_timed, num_requested AS checkpoints_requested,
  write_time / 1000 AS checkpoint_write_seconds, sync_time / 1000 AS checkpoint_sync_seconds,
  buffers_written AS checkpoint_buffers
FROM pg_stat_checkpointer)";

constexpr std::string_view kWal12 = R"(
SELECT CASE WHEN NOT pg_is_in_recovery() THEN pg_current_wal_insert_lsn() - '0/0'::pg_lsn END
  AS wal_bytes)";
constexpr std::string_view kWal14 = R"(
SELECT wal_bytes, wal_records, wal_fpi AS wal_full_page_images, wal_buffers_full,
  wal_write AS wal_writes, wal_sync AS wal_syncs,
  CASE WHEN current_setting('track_wal_io_timing')::bool THEN wal_write_time / 1000 END
    AS wal_write_seconds,
  CASE WHEN current_setting('track_wal_io_timing')::bool THEN wal_sync_time / 1000 END
    AS wal_sync_seconds
FROM pg_stat_wal)";
constexpr std::string_view kWal18 = R"(
SELECT wal_bytes, wal_records, wal_fpi AS wal_full_page_images, wal_buffers_full, io.*
FROM pg_stat_wal, (
  SELECT sum(writes) AS wal_writes, sum(fsyncs) AS wal_syncs,
    CASE WHEN current_setting('track_wal_io_timing')::bool THEN sum(write_time) / 1000 END
      AS wal_write_seconds,
    CASE WHEN current_setting('track_wal_io_timing')::bool THEN sum(fsync_time) / 1000 END
      AS wal_sync_seconds
  FROM pg_stat_io WHERE object = 'wal' AND context = 'normal') io)";

}  // namespace

std::span<const MetricInfo> DatabaseTotalsMetrics() { return kMetrics; }

std::string DatabasesQuery(int version) {
  return fmt::format(fmt::runtime(kDatabases), version >= 140000 ? kSessions : "");
}

std::string ServerTotalsQuery(int version) {
  return fmt::format("SELECT * FROM ({}) checkpoints, ({}) wal",
                     version >= 170000 ? kCheckpoints17 : kCheckpoints12,
                     version >= 180000   ? kWal18
                     : version >= 140000 ? kWal14
                                         : kWal12);
}

Result<void> AddDatabases(const Rows& rows, FamilySet& families) {
  if (rows.rows.size() > kMostDatabases) {
    return Error{
        fmt::format("{} databases, over the limit of {}", rows.rows.size(), kMostDatabases),
        Reason::kLimit};
  }
  std::set<std::string> seen;
  for (std::size_t i = 0; i < rows.rows.size(); ++i) {
    const RowReader row(rows, i);
    const std::string database = row.Label("database");
    if (database.empty() || !seen.insert(database).second) {
      return Error{fmt::format("row {} makes no sense", i + 1), Reason::kParse};
    }
    for (const Column& column : kDatabaseColumns) {
      if (const auto value = row.Counter(column.name))
        families.Add(column.metric, {database}, *value);
    }
  }
  return {};
}

Result<void> AddServerTotals(const Rows& rows, FamilySet& families) {
  if (rows.rows.size() != 1) {
    return Error{fmt::format("{} rows, expected one", rows.rows.size()), Reason::kParse};
  }
  const RowReader row(rows, 0);
  for (const std::string cause : {"timed", "requested"}) {
    if (const auto value = row.Counter("checkpoints_" + cause))
      families.Add(kCheckpoints, {cause}, *value);
  }
  for (const Column& column : kServerColumns) {
    if (const auto value = row.Counter(column.name)) families.Add(column.metric, {}, *value);
  }
  return {};
}

}  // namespace tierwatch
