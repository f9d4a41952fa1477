// What readings of a primary and its replicas mean: which row is which replica, how far each is
// behind.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "collectors/collector.h"
#include "collectors/lsn_history.h"
#include "collectors/replication_rows.h"

namespace tierwatch {

std::span<const MetricInfo> ReplicationMetrics();

/// All that was read in one sampling; what could not be is absent.
struct ReplicationReading {
  SteadyTime started{};
  std::string primary_name;  // host:port
  std::optional<ServerStatus> primary;
  std::optional<std::vector<Sender>> senders;         // of the primary
  std::optional<std::vector<ReplicationSlot>> slots;  // of the primary
  struct Replica {
    std::string name;  // host:port
    std::optional<ServerStatus> status;
  };
  std::vector<Replica> replicas;  // the configured ones
  std::optional<double> expected;
};

/// Turns readings into families; remembers the primary's LSNs and which configured replica is which
/// row of pg_stat_replication.
///
/// The label `replica` is host:port for a configured replica and the application_name for one that
/// only the primary shows. A configured one is found among the primary's rows by the slot that its
/// receiver uses, else by its application_name, else by its address, each only where no other row
/// has the same; so none is shown twice. Rows that share an application_name are folded into the
/// worst of them. Not thread-safe.
class ReplicationView {
 public:
  /// `sample.up` is whether the primary was read.
  Sample Judge(const ReplicationReading& reading);

 private:
  struct Identity {
    std::string slot, application_name, address;
  };

  void Remember(const ReplicationReading& reading);
  const Sender* Match(const std::string& replica, const std::vector<const Sender*>& free) const;
  std::optional<double> LagSeconds(const ReplicationReading& reading,
                                   const ServerStatus& replica) const;

  LsnHistory history_;
  std::optional<double> timeline_;              // of history_
  std::map<std::string, Identity> identities_;  // by the replica's host:port
};

}  // namespace tierwatch
