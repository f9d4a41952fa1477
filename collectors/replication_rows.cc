#include "collectors/replication_rows.h"

#include <fmt/format.h>

#include <set>

#include "collectors/foreign_text.h"
#include "collectors/postgres_source.h"

namespace tierwatch {
namespace {

// Functions of the other role raise errors: CASE keeps them from being called. The flushed LSN, not
// the written one: a standby gets nothing else, so an idle primary with an open transaction would
// show lag for ever.
constexpr std::string_view kStatus = R"(
SELECT current_setting('server_version') AS version,
  extract(epoch FROM clock_timestamp())::float8 AS now,
  extract(epoch FROM pg_postmaster_start_time())::float8 AS start_time,
  s.recovery AS in_recovery,
  CASE WHEN s.recovery THEN coalesce(r.received_tli, (SELECT timeline_id FROM pg_control_checkpoint()))
    ELSE ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int END AS timeline,
  CASE WHEN s.recovery THEN greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())
    ELSE pg_current_wal_flush_lsn() END AS lsn,
  CASE WHEN s.recovery THEN pg_last_wal_receive_lsn() END AS received,
  CASE WHEN s.recovery THEN pg_last_wal_replay_lsn() END AS replayed,
  CASE WHEN s.recovery THEN pg_is_wal_replay_paused() END AS replay_paused,
  CASE WHEN s.recovery THEN extract(epoch FROM pg_last_xact_replay_timestamp())::float8 END AS last_replay_time,
  r.pid IS NOT NULL AS receiver_exists, r.status AS receiver_status, r.slot_name AS receiver_slot,
  r.conninfo AS receiver_conninfo,
  extract(epoch FROM r.last_msg_receipt_time)::float8 AS receiver_message_time,
  current_setting('cluster_name') AS cluster_name, host(inet_server_addr()) AS address,
  (SELECT system_identifier FROM pg_control_system()) AS system_identifier, c.*
FROM (SELECT pg_is_in_recovery() AS recovery) s LEFT JOIN pg_stat_wal_receiver r ON true
CROSS JOIN (SELECT sum(confl_tablespace) AS confl_tablespace, sum(confl_lock) AS confl_lock,
    sum(confl_snapshot) AS confl_snapshot, sum(confl_bufferpin) AS confl_bufferpin,
    sum(confl_deadlock) AS confl_deadlock FROM pg_stat_database_conflicts) c)";

constexpr std::string_view kSenders = R"(
SELECT s.application_name, host(s.client_addr) AS client_address, s.state,
  s.sent_lsn AS sent, s.write_lsn AS written, s.flush_lsn AS flushed, s.replay_lsn AS replayed,
  extract(epoch FROM s.write_lag)::float8 AS write_lag, extract(epoch FROM s.flush_lag)::float8 AS flush_lag,
  extract(epoch FROM s.replay_lag)::float8 AS replay_lag,
  k.slot_name AS slot, k.slot_type
FROM pg_stat_replication s LEFT JOIN pg_replication_slots k ON k.active_pid = s.pid
ORDER BY s.application_name, s.client_addr, s.pid)";

constexpr std::string_view kSlots =
    "SELECT slot_name AS slot, slot_type AS type, plugin, active, restart_lsn AS restart, "
    "confirmed_flush_lsn AS confirmed, {}, {} "
    "FROM pg_replication_slots WHERE NOT temporary ORDER BY slot_name";

// A column of the status and its value of the label `reason`.
constexpr std::pair<std::string_view, std::string_view> kConflicts[] = {
    {"confl_tablespace", "tablespace"},
    {"confl_lock", "lock"},
    {"confl_snapshot", "snapshot"},
    {"confl_bufferpin", "bufferpin"},
    {"confl_deadlock", "deadlock"}};

std::optional<Lsn> ReadLsn(const RowReader& row, std::string_view column) {
  const auto& text = row.Raw(column);
  return text ? ParseLsn(*text) : std::nullopt;
}

}  // namespace

bool Sender::IsReplica() const {
  return state && state != "backup" && slot_type != "logical" && replayed.has_value();
}

std::string ServerStatusQuery() { return std::string(kStatus); }
std::string SendersQuery() { return std::string(kSenders); }
std::string SlotsQuery(int version) {
  return fmt::format(fmt::runtime(kSlots),
                     version >= 130000 ? "wal_status, safe_wal_size AS safe_bytes"
                                       : "NULL AS wal_status, NULL AS safe_bytes",
                     version >= 170000
                         ? "extract(epoch FROM inactive_since)::float8 AS inactive_since"
                         : "NULL AS inactive_since");
}

Result<ServerStatus> ReadServerStatus(const Rows& rows, SteadyTime at) {
  const Error nonsense{"the server's status makes no sense", Reason::kParse};
  if (rows.rows.size() != 1) return nonsense;
  const RowReader row(rows, 0);
  const auto recovery = row.Flag("in_recovery");
  const auto now = row.Number("now");
  const auto start_time = row.Number("start_time");
  if (!recovery || !now || !start_time) return nonsense;
  ServerStatus status;
  status.at = at;
  status.version = row.Label("version");
  status.now = *now;
  status.start_time = *start_time;
  status.in_recovery = *recovery;
  status.timeline = row.Number("timeline");
  status.lsn = ReadLsn(row, "lsn");
  status.received = ReadLsn(row, "received");
  status.replayed = ReadLsn(row, "replayed");
  status.replay_paused = row.Flag("replay_paused");
  status.last_replay_time = row.Number("last_replay_time");
  status.receiver_exists = row.Flag("receiver_exists").value_or(false);
  status.receiver_status = row.Raw("receiver_status");
  status.receiver_message_time = row.Number("receiver_message_time");
  status.receiver_slot = row.Text("receiver_slot");
  status.address = row.Text("address");
  status.system_identifier = row.Text("system_identifier");
  for (const auto& [column, reason] : kConflicts) {
    const auto count = row.Number(column);
    if (status.in_recovery && count) status.conflicts.push_back({reason, *count});
  }
  if (status.receiver_status) {
    // A receiver without a name of its own goes by cluster_name, else by this word.
    status.application_name = LabelText(ApplicationNameOf(row.Text("receiver_conninfo")));
    if (status.application_name.empty()) status.application_name = row.Label("cluster_name");
    if (status.application_name.empty()) status.application_name = "walreceiver";
  }
  return status;
}

std::vector<Sender> ReadSenders(const Rows& rows) {
  std::vector<Sender> senders;
  for (std::size_t i = 0; i < rows.rows.size(); ++i) {
    const RowReader row(rows, i);
    senders.push_back({row.Label("application_name"), row.Text("client_address"), row.Text("slot"),
                       row.Text("slot_type"), row.Raw("state"), ReadLsn(row, "sent"),
                       ReadLsn(row, "written"), ReadLsn(row, "flushed"), ReadLsn(row, "replayed"),
                       row.Number("write_lag"), row.Number("flush_lag"), row.Number("replay_lag")});
  }
  return senders;
}

std::vector<ReplicationSlot> ReadSlots(const Rows& rows) {
  std::vector<ReplicationSlot> slots;
  std::set<std::string> seen;
  for (std::size_t i = 0; i < rows.rows.size(); ++i) {
    const RowReader row(rows, i);
    const std::string slot = row.Label("slot");
    if (!seen.insert(slot).second) continue;
    slots.push_back({slot, row.Label("type"), row.Label("plugin"), row.Flag("active"),
                     ReadLsn(row, "restart"), ReadLsn(row, "confirmed"), row.Raw("wal_status"),
                     row.Number("safe_bytes"), row.Number("inactive_since")});
  }
  return slots;
}

std::string ApplicationNameOf(std::string_view conninfo) {
  constexpr std::string_view kKey = "application_name=";
  std::size_t at = conninfo.starts_with(kKey) ? 0 : conninfo.find(" application_name=");
  if (at == std::string_view::npos) return "";
  conninfo.remove_prefix(conninfo.find('=', at) + 1);
  const bool quoted = conninfo.starts_with('\'');
  std::string name;
  for (std::size_t i = quoted ? 1 : 0; i < conninfo.size(); ++i) {
    if (conninfo[i] == (quoted ? '\'' : ' ')) break;
    if (conninfo[i] == '\\' && i + 1 < conninfo.size()) ++i;
    name += conninfo[i];
  }
  return name;
}

}  // namespace tierwatch
