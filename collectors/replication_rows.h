// What PostgreSQL says about replication: the queries by server version, and their rows as plain
// data.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "collectors/client/postgres_client.h"
#include "collectors/lsn_history.h"

namespace tierwatch {

/// One server, primary or replica. What is NULL, not permitted or not known there is absent.
struct ServerStatus {
  SteadyTime at{};  // when it was read, by our clock
  std::string version;
  double now = 0;  // the server's clock, Unix seconds
  double start_time = 0;
  bool in_recovery = false;
  std::optional<double> timeline;
  std::optional<Lsn>
      lsn;  // what others may have from it: flushed on a primary, received or replayed on a standby
  std::optional<Lsn> received, replayed;   // standby
  std::optional<bool> replay_paused;       // standby
  std::optional<double> last_replay_time;  // standby: commit time of the last transaction replayed
  bool receiver_exists = false;            // standby: a WAL receiver process is there
  std::optional<std::string> receiver_status;  // NULL without pg_monitor
  std::optional<double> receiver_message_time;
  std::string receiver_slot;
  std::string application_name;  // that its receiver tells the primary
  std::string address;           // its own, as we reached it; "" over a Unix socket
  /// The same for all servers that are copies of one another, byte for byte; "" where unknown.
  std::string system_identifier;
  struct Conflict {
    std::string_view reason;
    double count = 0;
  };
  std::vector<Conflict> conflicts;  // standby: queries cancelled since its statistics began
};

/// A row of pg_stat_replication with the slot that it uses.
struct Sender {
  std::string application_name, client_address, slot, slot_type;
  std::optional<std::string> state;  // NULL without pg_monitor, and so is all the rest
  std::optional<Lsn> sent, written, flushed, replayed;
  std::optional<double> write_lag, flush_lag, replay_lag;  // seconds; NULL once idle

  /// A physical standby: neither a base backup, nor pg_receivewal, nor a logical subscriber.
  bool IsReplica() const;
};

struct ReplicationSlot {
  std::string name, type, plugin;  // plugin: of a logical one
  std::optional<bool> active;
  std::optional<Lsn> restart;             // the oldest WAL that it keeps
  std::optional<Lsn> confirmed;           // logical: what its consumer has confirmed
  std::optional<std::string> wal_status;  // from PostgreSQL 13 on
  std::optional<double> safe_bytes;       // NULL where nothing limits what slots keep
  std::optional<double> inactive_since;   // Unix seconds; from PostgreSQL 17 on, NULL while active
};

std::string ServerStatusQuery();
std::string SendersQuery();
std::string SlotsQuery(int version);

Result<ServerStatus> ReadServerStatus(const Rows& rows, SteadyTime at);
std::vector<Sender> ReadSenders(const Rows& rows);
std::vector<ReplicationSlot> ReadSlots(const Rows& rows);

/// The application name in a receiver's conninfo ("user=… application_name='my replica' …"); ""
/// where it has none.
std::string ApplicationNameOf(std::string_view conninfo);

}  // namespace tierwatch
