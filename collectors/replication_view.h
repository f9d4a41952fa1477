// What readings of a primary and its replicas mean: which row is which replica, how far each is
// behind.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/metric.h"
#include "collectors/collector.h"
#include "collectors/lsn_history.h"
#include "collectors/replication_rows.h"

namespace tierwatch {

std::span<const MetricInfo> ReplicationMetrics();

/// One server as it was read; what could not be is absent.
struct ServerReading {
  std::string name;  // host:port
  std::optional<ServerStatus> status;
  std::optional<std::vector<Sender>> senders;  // a standby has some where others cascade from it
  std::optional<std::vector<ReplicationSlot>> slots;
};

/// All that was read in one sampling.
struct ReplicationReading {
  SteadyTime started{};
  std::vector<ServerReading> servers;  // the configured ones, the configured primary first
  std::optional<double> expected;
};

/// Turns readings into families; remembers the primary's LSNs and which configured replica is which
/// row of pg_stat_replication.
///
/// Which server is the primary follows the servers, not the configuration: the one that is not in
/// recovery, of several the one of the highest timeline, since a promotion begins a new one. Where
/// there is none, the last one stays it: it may be down, or a standby that others cascade from.
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
  /// Of the last reading; "" before the first one. It is read first: a replica that is read later
  /// is never ahead of it.
  const std::string& primary() const { return primary_; }

 private:
  struct Identity {
    std::string slot, application_name, address;
  };

  const ServerReading* FindPrimary(const ReplicationReading& reading);
  void Remember(const ReplicationReading& reading, const ServerReading* primary);
  const Sender* Match(const std::string& replica, const std::vector<const Sender*>& free) const;
  std::optional<double> LagSeconds(const ReplicationReading& reading, const ServerReading* primary,
                                   const ServerStatus& replica) const;
  std::optional<double> LagOfSender(const ReplicationReading& reading, const ServerReading* primary,
                                    std::optional<Lsn> replayed) const;
  void AddReplicas(const ReplicationReading& reading, const ServerReading* primary,
                   FamilySet& families) const;
  void AddSlots(const ReplicationReading& reading, const ServerReading* primary,
                FamilySet& families) const;

  std::string primary_;  // host:port
  std::string cluster_;  // system identifier of the configured primary
  LsnHistory history_;
  std::optional<double> timeline_;              // of history_
  std::map<std::string, Identity> identities_;  // by the replica's host:port
};

}  // namespace tierwatch
