#include "collectors/replication_view.h"

#include <algorithm>
#include <array>

#include "collectors/metric_tables.h"

namespace tierwatch {
namespace {

using prometheus::MetricType;

constexpr MetricInfo kUp =
    Gauge("tierwatch_postgres_up", "1 where the server answered.", {"server"});
constexpr MetricInfo kInfo =
    Gauge("tierwatch_postgres_info", "1; the server's version.", {"server", "version"});
constexpr MetricInfo kInRecovery =
    Gauge("tierwatch_postgres_in_recovery", "1 on a standby, 0 on a primary.", {"server"});
constexpr MetricInfo kStartTime = Gauge("tierwatch_postgres_start_time_seconds",
                                        "When the server started, Unix seconds.", {"server"});
constexpr MetricInfo kTimeline =
    Gauge("tierwatch_postgres_timeline",
          "Timeline of the server's WAL; a promotion begins a new one.", {"server"});
constexpr MetricInfo kExpected =
    Gauge("tierwatch_replicas_expected", "Replicas that the configuration expects.");
constexpr MetricInfo kConnected =
    Gauge("tierwatch_replicas_connected", "Physical replicas that the primary sends WAL to.");
constexpr MetricInfo kLagSeconds = Gauge("tierwatch_replica_lag_seconds",
                                         "Age of the oldest WAL position of the primary that the "
                                         "replica has not replayed; 0 where it has all. Low by "
                                         "at most one sampling interval.",
                                         {"replica"});
constexpr MetricInfo kLagBytes = Gauge("tierwatch_replica_lag_bytes",
                                       "WAL that the primary has flushed and the replica has not "
                                       "yet been sent, written, flushed or replayed.",
                                       {"replica", "stage"});
constexpr MetricInfo kStreaming =
    Gauge("tierwatch_replica_streaming", "1 where WAL is streaming to the replica.", {"replica"});
constexpr MetricInfo kReceiverUp =
    Gauge("tierwatch_replica_wal_receiver_up", "1 where the replica has a WAL receiver process.",
          {"replica"});
constexpr MetricInfo kReceiverMessage = Gauge(
    "tierwatch_replica_wal_receiver_last_message_timestamp_seconds",
    "When the replica's WAL receiver last heard from its primary, Unix seconds.", {"replica"});
constexpr MetricInfo kPaused = Gauge("tierwatch_replica_replay_paused",
                                     "1 where somebody paused the replica's replay.", {"replica"});
constexpr MetricInfo kLastReplay =
    Gauge("tierwatch_replica_last_replay_timestamp_seconds",
          "When the last transaction that the replica replayed was committed, Unix seconds.",
          {"replica"});
constexpr MetricInfo kStageLag = Gauge(
    "tierwatch_replica_stage_lag_seconds",
    "Time until the replica wrote, flushed or replayed recent WAL, each counted from its sending, "
    "as the sender measured it; absent once idle.",
    {"replica", "stage"});
constexpr MetricInfo kConflicts{"tierwatch_replica_conflicts_total",
                                MetricType::Counter,
                                "Queries that the replica cancelled because replay needed what "
                                "they held.",
                                {"replica", "reason"}};
constexpr MetricInfo kSlotInfo = Gauge(
    "tierwatch_replication_slot_info",
    "1; what a replication slot of a server is: physical or logical, and the plugin of a logical "
    "one.",
    {"slot", "server", "type", "plugin"});
constexpr MetricInfo kSlotRetained =
    Gauge("tierwatch_replication_slot_retained_bytes",
          "WAL that the slot keeps the server from removing.", {"slot", "server"});
constexpr MetricInfo kSlotActive = Gauge("tierwatch_replication_slot_active",
                                         "1 where a replica uses the slot.", {"slot", "server"});
constexpr MetricInfo kSlotInactive =
    Gauge("tierwatch_replication_slot_inactive_since_timestamp_seconds",
          "Since when nobody has used the slot, Unix seconds; absent while it is used and before "
          "PostgreSQL 17.",
          {"slot", "server"});
constexpr MetricInfo kSlotLagBytes =
    Gauge("tierwatch_replication_slot_unconfirmed_bytes",
          "WAL that the consumer of a logical slot has not confirmed.", {"slot", "server"});
constexpr MetricInfo kSlotLagSeconds =
    Gauge("tierwatch_replication_slot_lag_seconds",
          "Age of the oldest WAL position of the primary that the consumer of a logical slot has "
          "not confirmed; 0 where it has all.",
          {"slot", "server"});
constexpr MetricInfo kSlotStatus = Gauge("tierwatch_replication_slot_wal_status",
                                         "1 for the state of the slot's WAL: reserved, extended, "
                                         "unreserved or lost; absent before PostgreSQL 13.",
                                         {"slot", "server", "status"});
constexpr MetricInfo kSlotSafe = Gauge(
    "tierwatch_replication_slot_safe_wal_bytes",
    "WAL that may still be written before the slot is in danger; absent where nothing limits it.",
    {"slot", "server"});

constexpr std::array kMetrics{
    kUp,         kInfo,       kInRecovery,      kStartTime,     kTimeline,
    kExpected,   kConnected,  kLagSeconds,      kLagBytes,      kStageLag,
    kStreaming,  kReceiverUp, kReceiverMessage, kPaused,        kLastReplay,
    kConflicts,  kSlotInfo,   kSlotRetained,    kSlotActive,    kSlotInactive,
    kSlotStatus, kSlotSafe,   kSlotLagBytes,    kSlotLagSeconds};

constexpr std::array<std::string_view, 4> kStages{"sent", "write", "flush", "replay"};
constexpr std::array<std::string_view, 4> kSlotStates{"reserved", "extended", "unreserved", "lost"};

// What is known of one value of the label `replica`.
struct Standing {
  std::optional<double> lag_seconds;
  std::array<std::optional<double>, 4> lag_bytes;  // by kStages
  std::array<std::optional<double>, 3> stage_lag;  // by kStages, but for "sent"
  std::optional<bool> streaming;

  void FoldWorst(const Standing& other) {
    const auto worse = [](auto& mine, const auto& its) {
      if (its && (!mine || *mine < *its)) mine = its;
    };
    worse(lag_seconds, other.lag_seconds);
    for (std::size_t i = 0; i < kStages.size(); ++i) worse(lag_bytes[i], other.lag_bytes[i]);
    for (std::size_t i = 0; i < stage_lag.size(); ++i) worse(stage_lag[i], other.stage_lag[i]);
    if (other.streaming) streaming = streaming.value_or(true) && *other.streaming;
  }
};

std::optional<double> Behind(std::optional<Lsn> primary, std::optional<Lsn> replica) {
  if (!primary || !replica) return std::nullopt;
  return *primary > *replica ? static_cast<double>(*primary - *replica) : 0.0;
}

Standing StandingOf(const Sender& sender, std::optional<Lsn> primary) {
  Standing standing;
  standing.streaming = sender.state == "streaming";
  standing.lag_bytes = {Behind(primary, sender.sent), Behind(primary, sender.written),
                        Behind(primary, sender.flushed), Behind(primary, sender.replayed)};
  standing.stage_lag = {sender.write_lag, sender.flush_lag, sender.replay_lag};
  return standing;
}

// What the replica says itself: fresher than the primary's row, and there when it is cut off.
void AddOwnWord(const ServerStatus& status, std::optional<Lsn> primary, Standing& standing) {
  if (!status.in_recovery) return;
  if (const auto bytes = Behind(primary, status.replayed)) standing.lag_bytes[3] = bytes;
  if (!standing.lag_bytes[2]) standing.lag_bytes[2] = Behind(primary, status.received);
  if (standing.streaming) return;
  // No row at the primary: it may stream from another standby.
  if (status.receiver_status) standing.streaming = status.receiver_status == "streaming";
  if (!status.receiver_exists) standing.streaming = false;
}

void AddStanding(const std::string& replica, const Standing& standing, FamilySet& families) {
  if (standing.lag_seconds) families.Add(kLagSeconds, {replica}, *standing.lag_seconds);
  for (std::size_t i = 0; i < kStages.size(); ++i) {
    if (standing.lag_bytes[i])
      families.Add(kLagBytes, {replica, kStages[i]}, *standing.lag_bytes[i]);
  }
  for (std::size_t i = 0; i < standing.stage_lag.size(); ++i) {
    if (standing.stage_lag[i])
      families.Add(kStageLag, {replica, kStages[i + 1]}, *standing.stage_lag[i]);
  }
  if (standing.streaming) families.Add(kStreaming, {replica}, *standing.streaming ? 1 : 0);
}

void AddServer(const std::string& name, const std::optional<ServerStatus>& status,
               FamilySet& families) {
  families.Add(kUp, {name}, status ? 1 : 0);
  if (!status) return;
  families.Add(kInfo, {name, status->version}, 1);
  families.Add(kInRecovery, {name}, status->in_recovery ? 1 : 0);
  families.Add(kStartTime, {name}, status->start_time);
  if (status->timeline) families.Add(kTimeline, {name}, *status->timeline);
}

void AddReceiver(const std::string& replica, const ServerStatus& status, FamilySet& families) {
  if (!status.in_recovery) return;
  families.Add(kReceiverUp, {replica}, status.receiver_exists ? 1 : 0);
  if (status.receiver_message_time)
    families.Add(kReceiverMessage, {replica}, *status.receiver_message_time);
  if (status.replay_paused) families.Add(kPaused, {replica}, *status.replay_paused ? 1 : 0);
  if (status.last_replay_time) families.Add(kLastReplay, {replica}, *status.last_replay_time);
  for (const auto& [reason, count] : status.conflicts) {
    families.Add(kConflicts, {replica, reason}, count);
  }
}

void AddSlot(const ReplicationSlot& slot, const std::string& server, std::optional<Lsn> lsn,
             FamilySet& families) {
  const auto add = [&](const MetricInfo& info, std::optional<double> value) {
    if (value) families.Add(info, {slot.name, server}, *value);
  };
  families.Add(kSlotInfo, {slot.name, server, slot.type, slot.plugin}, 1);
  add(kSlotRetained, Behind(lsn, slot.restart));
  add(kSlotLagBytes, Behind(lsn, slot.confirmed));
  if (slot.active) add(kSlotActive, *slot.active ? 1 : 0);
  add(kSlotInactive, slot.inactive_since);
  if (slot.wal_status) {
    for (const std::string_view state : kSlotStates) {
      families.Add(kSlotStatus, {slot.name, server, state}, *slot.wal_status == state ? 1 : 0);
    }
  }
  add(kSlotSafe, slot.safe_bytes);
}

// Errors that rows imply: a role without pg_monitor gets rows, with NULL where the truth would be.
void FindErrors(const ReplicationReading& reading, const ServerReading* primary,
                std::vector<Error>& errors) {
  const auto hidden = [](const Sender& sender) { return !sender.state; };
  for (const ServerReading& server : reading.servers) {
    const bool is_primary = &server == primary;
    const std::string name = (is_primary ? "primary " : "replica ") + server.name;
    if (server.senders && std::any_of(server.senders->begin(), server.senders->end(), hidden)) {
      errors.push_back({name + ": pg_stat_replication shows nothing: the role needs pg_monitor",
                        Reason::kPrivileges});
    }
    if (is_primary && server.status && server.status->in_recovery) {
      errors.push_back({name + " is in recovery: no server takes writes", Reason::kOther});
    }
    if (is_primary || !server.status) continue;
    if (!server.status->in_recovery) {
      const bool same = primary != nullptr && primary->status &&
                        primary->status->system_identifier == server.status->system_identifier;
      errors.push_back(
          {name + (same ? " is not in recovery: two servers take writes"
                        : " is not a copy of the primary: a logical subscriber is seen "
                          "by its slot"),
           Reason::kOther});
    } else if (server.status->receiver_exists && !server.status->receiver_status) {
      errors.push_back({name + ": pg_stat_wal_receiver shows nothing: the role needs pg_monitor",
                        Reason::kPrivileges});
    }
  }
}

// The rows of physical replicas; nothing where the server shows them only in part.
std::optional<std::vector<const Sender*>> VisibleReplicas(const ServerReading* server) {
  if (server == nullptr || !server->senders) return std::nullopt;
  std::vector<const Sender*> visible;
  for (const Sender& sender : *server->senders) {
    if (!sender.state) return std::nullopt;
    if (sender.IsReplica()) visible.push_back(&sender);
  }
  return visible;
}

std::optional<Lsn> LsnOf(const ServerReading* server) {
  return server != nullptr && server->status ? server->status->lsn : std::nullopt;
}

}  // namespace

std::span<const MetricInfo> ReplicationMetrics() { return kMetrics; }

const ServerReading* ReplicationView::FindPrimary(const ReplicationReading& reading) {
  if (reading.servers.empty()) return nullptr;
  const ServerReading& configured = reading.servers.front();
  if (primary_.empty()) primary_ = configured.name;
  if (configured.status) cluster_ = configured.status->system_identifier;
  const ServerReading* last = nullptr;
  const ServerReading* found = nullptr;
  for (const ServerReading& server : reading.servers) {
    if (server.name == primary_) last = &server;
    if (!server.status || server.status->in_recovery) continue;
    // Another cluster, such as a logical subscriber, is nobody's successor.
    if (!cluster_.empty() && server.status->system_identifier != cluster_) continue;
    const bool later = found == nullptr || found->status->timeline < server.status->timeline ||
                       (found->status->timeline == server.status->timeline && &server == last);
    if (later) found = &server;
  }
  if (found == nullptr) found = last;
  primary_ = found->name;
  return found;
}

void ReplicationView::Remember(const ReplicationReading& reading, const ServerReading* primary) {
  const bool known = LsnOf(primary).has_value();
  if (known) {
    // Positions of two timelines don't compare.
    if (primary->status->timeline != timeline_) history_.Clear();
    timeline_ = primary->status->timeline;
    history_.Add(primary->status->at, *primary->status->lsn);
  }
  for (const ServerReading& server : reading.servers) {
    if (&server == primary || !server.status) continue;
    const ServerStatus& status = *server.status;
    // With the primary out of reach, what a replica received proves how far the primary had come.
    if (!known && status.received && history_.Last() < status.received) {
      history_.Add(status.at, *status.received);
    }
    if (status.receiver_status) {
      identities_[server.name] = {status.receiver_slot, status.application_name, status.address};
    }
  }
}

const Sender* ReplicationView::Match(const std::string& replica,
                                     const std::vector<const Sender*>& free) const {
  const auto known = identities_.find(replica);
  if (known == identities_.end()) return nullptr;
  for (const auto& [mine, its] : {std::pair{&Identity::slot, &Sender::slot},
                                  {&Identity::application_name, &Sender::application_name},
                                  {&Identity::address, &Sender::client_address}}) {
    const std::string& wanted = known->second.*mine;
    if (wanted.empty()) continue;
    const auto same = [&, its = its](const Sender* sender) { return sender->*its == wanted; };
    const auto count = std::count_if(free.begin(), free.end(), same);
    if (count == 1) return *std::find_if(free.begin(), free.end(), same);
    // Its own slot or name is not there: it is cut off, and another row of its address is another
    // replica.
    if (count == 0) return nullptr;
  }
  return nullptr;
}

std::optional<double> ReplicationView::LagSeconds(const ReplicationReading& reading,
                                                  const ServerReading* primary,
                                                  const ServerStatus& replica) const {
  if (!replica.in_recovery || !replica.replayed) return std::nullopt;
  const auto lag = history_.LagOf(*replica.replayed, replica.at);
  if (!lag) return std::nullopt;
  const bool behind = *history_.Last() > *replica.replayed;
  if (!behind) {
    // It has all that is known: that says nothing while the primary is out of reach or writes
    // another timeline.
    const bool comparable = primary != nullptr && primary->status &&
                            (!replica.timeline || !primary->status->timeline ||
                             *replica.timeline == *primary->status->timeline);
    return comparable ? std::optional(0.0) : std::nullopt;
  }
  if (!lag->at_least) return lag->seconds;
  // Behind before the history began: the commit replayed last tells, for a primary that was writing
  // since.
  if (replica.last_replay_time)
    return std::max(lag->seconds, replica.now - *replica.last_replay_time);
  return lag->since < reading.started ? std::optional(lag->seconds) : std::nullopt;
}

// Of what only the primary's side shows.
std::optional<double> ReplicationView::LagOfSender(const ReplicationReading& reading,
                                                   const ServerReading* primary,
                                                   std::optional<Lsn> replayed) const {
  if (primary == nullptr || !primary->status) return std::nullopt;
  ServerStatus as_replica;
  as_replica.at = primary->status->at;
  as_replica.in_recovery = true;
  as_replica.replayed = replayed;
  return LagSeconds(reading, primary, as_replica);
}

void ReplicationView::AddReplicas(const ReplicationReading& reading, const ServerReading* primary,
                                  FamilySet& families) const {
  const std::optional<Lsn> lsn = LsnOf(primary);
  const auto visible = VisibleReplicas(primary);
  if (visible) families.Add(kConnected, {}, static_cast<double>(visible->size()));
  std::vector<const Sender*> free = visible.value_or(std::vector<const Sender*>{});
  for (const ServerReading& server : reading.servers) {
    if (&server == primary) continue;
    const auto cascading = VisibleReplicas(&server).value_or(std::vector<const Sender*>{});
    free.insert(free.end(), cascading.begin(), cascading.end());
  }
  std::map<std::string, Standing> standings;
  for (const ServerReading& server : reading.servers) {
    if (&server == primary || (server.status && !server.status->in_recovery)) continue;
    Standing& standing = standings[server.name];
    if (const Sender* sender = Match(server.name, free)) {
      standing = StandingOf(*sender, lsn);
      std::erase(free, sender);
    } else if (visible && (free.empty() || identities_.contains(server.name)) && !server.status) {
      standing.streaming = false;
    }
    if (!server.status) continue;
    AddOwnWord(*server.status, lsn, standing);
    standing.lag_seconds = LagSeconds(reading, primary, *server.status);
    AddReceiver(server.name, *server.status, families);
  }
  for (const Sender* sender : free) {
    Standing standing = StandingOf(*sender, lsn);
    standing.lag_seconds = LagOfSender(reading, primary, sender->replayed);
    const auto [at, first] = standings.try_emplace(sender->application_name, standing);
    if (!first) at->second.FoldWorst(standing);
  }
  for (const auto& [name, standing] : standings) AddStanding(name, standing, families);
}

void ReplicationView::AddSlots(const ReplicationReading& reading, const ServerReading* primary,
                               FamilySet& families) const {
  for (const ServerReading& server : reading.servers) {
    if (!server.slots) continue;
    for (const ReplicationSlot& slot : *server.slots) {
      AddSlot(slot, server.name, LsnOf(&server), families);
      if (&server != primary) continue;
      const auto lag = LagOfSender(reading, primary, slot.confirmed);
      if (lag) families.Add(kSlotLagSeconds, {slot.name, server.name}, *lag);
    }
  }
}

Sample ReplicationView::Judge(const ReplicationReading& reading) {
  const ServerReading* primary = FindPrimary(reading);
  Remember(reading, primary);
  Sample sample;
  sample.up = primary != nullptr && primary->status.has_value();
  FindErrors(reading, primary, sample.errors);
  FamilySet families;
  for (const ServerReading& server : reading.servers) {
    AddServer(server.name, server.status, families);
  }
  if (reading.expected) families.Add(kExpected, {}, *reading.expected);
  AddReplicas(reading, primary, families);
  AddSlots(reading, primary, families);
  sample.families = std::move(families).Take();
  return sample;
}

}  // namespace tierwatch
