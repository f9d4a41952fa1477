#include "collectors/postgres_connections.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

#include "collectors/metric_tables.h"
#include "collectors/postgres_source.h"

namespace tierwatch {
namespace {

using prometheus::MetricType;

constexpr MetricInfo kConnections{
    "tierwatch_pool_connections",
    MetricType::Gauge,
    "Client connections of the server by state, the one that asks among them.",
    {"state"}};
constexpr MetricInfo kApplicationConnections{
    "tierwatch_pool_application_connections",
    MetricType::Gauge,
    "Client connections of the server by who they are of: the applications (application_name) with "
    "most of late; application=\"other\" sums all that are not shown. A state without one is "
    "absent.",
    {"database", "user", "application", "state"}};
constexpr MetricInfo kMax =
    Gauge("tierwatch_pool_connections_max", "Client connections that the server allows.");
constexpr MetricInfo kReserved =
    Gauge("tierwatch_pool_connections_reserved",
          "Connections of the allowed ones that ordinary roles can't have.");
constexpr MetricInfo kLockWaiters = Gauge(
    "tierwatch_pool_lock_waiters", "Client connections that wait for a lock: the blocked ones.");
constexpr MetricInfo kOldestTransaction =
    Gauge("tierwatch_pool_oldest_transaction_seconds",
          "Age of the oldest open transaction of a client; 0 where none is open.");
constexpr MetricInfo kOldestIdle =
    Gauge("tierwatch_pool_oldest_idle_in_transaction_seconds",
          "Time that a client has been idle inside its transaction, of the one that has been so "
          "longest; 0 where none is.");

constexpr std::array kMetrics{kConnections, kApplicationConnections, kMax,
                              kReserved,    kOldestTransaction,      kOldestIdle,
                              kLockWaiters};

// PostgreSQL 18 calls a connection that has no state yet `starting`; before, it is NULL. Without
// pg_monitor, rows of other roles have neither type nor state; background processes have no role.
// reserved_connections came with PostgreSQL 16.
constexpr std::string_view kQuery = R"(
SELECT hidden, state, CASE WHEN place <= {0} THEN datname END AS database,
  CASE WHEN place <= {0} THEN usename END AS user,
  CASE WHEN place <= {0} THEN application_name END AS application, count(*) AS connections,
  count(*) FILTER (WHERE wait_event_type = 'Lock') AS lock_waiters,
  extract(epoch FROM clock_timestamp() - min(xact_start) FILTER (WHERE pid <> pg_backend_pid()))::float8
    AS transaction_seconds,
  extract(epoch FROM clock_timestamp() - min(state_change))::float8 AS state_seconds,
  current_setting('max_connections')::int AS max,
  current_setting('superuser_reserved_connections')::int
    + coalesce(current_setting('reserved_connections', true)::int, 0) AS reserved
FROM (
  SELECT *, dense_rank() OVER (ORDER BY alike DESC, datname, usename, application_name) AS place
  FROM (
    SELECT backend_type IS NULL AS hidden, coalesce(state, 'starting') AS state, datname, usename,
      application_name, pid, wait_event_type, xact_start, state_change,
      count(*) OVER (PARTITION BY datname, usename, application_name) AS alike
    FROM pg_stat_activity
    WHERE backend_type = 'client backend' OR backend_type IS NULL AND usesysid IS NOT NULL) client
  ) placed
GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5)";

// A state of pg_stat_activity and its value of the label `state`.
struct State {
  std::string_view name, label;
  bool idle_in_transaction = false;
};
constexpr std::array<State, 8> kStates{
    {{"active", "active"},
     {"idle", "idle"},
     {"idle in transaction", "idle_in_transaction", true},
     {"idle in transaction (aborted)", "idle_in_transaction_aborted", true},
     {"fastpath function call", "fastpath"},
     {"disabled", "disabled"},
     {"starting", "starting"},
     {"", "other"}}};  // of a later version

const State& FindState(std::string_view name) {
  const auto* found = std::find_if(kStates.begin(), kStates.end() - 1,
                                   [&](const State& state) { return state.name == name; });
  return *found;
}

using ByState = std::array<double, kStates.size()>;
struct Totals {
  ByState connections{};
  std::map<PoolClient, ByState> clients;  // who has no database or no user is {}
  double hidden = 0, lock_waiters = 0, oldest_transaction = 0, oldest_idle = 0;
};

PoolClient ReadClient(const RowReader& row) {
  PoolClient client{row.Label("database"), row.Label("user"), row.Label("application")};
  return client.database.empty() || client.user.empty() ? PoolClient{} : client;
}

// False where the row makes no sense.
bool AddRow(const RowReader& row, Totals& totals) {
  const auto hidden = row.Flag("hidden");
  const auto connections = row.Number("connections");
  const auto lock_waiters = row.Number("lock_waiters");
  if (!hidden || !connections || !lock_waiters) return false;
  if (*hidden) {
    totals.hidden += *connections;
    return true;
  }
  const State& state = FindState(row.Text("state"));
  const auto index = static_cast<std::size_t>(&state - kStates.data());
  totals.connections[index] += *connections;
  totals.clients[ReadClient(row)][index] += *connections;
  totals.lock_waiters += *lock_waiters;
  totals.oldest_transaction =
      std::max(totals.oldest_transaction, row.Number("transaction_seconds").value_or(0));
  if (state.idle_in_transaction) {
    totals.oldest_idle = std::max(totals.oldest_idle, row.Number("state_seconds").value_or(0));
  }
  return true;
}

void AddTotals(const Totals& totals, FamilySet& families) {
  for (std::size_t i = 0; i < kStates.size(); ++i) {
    families.Add(kConnections, {kStates[i].label}, totals.connections[i]);
  }
  families.Add(kLockWaiters, {}, totals.lock_waiters);
  families.Add(kOldestTransaction, {}, totals.oldest_transaction);
  families.Add(kOldestIdle, {}, totals.oldest_idle);
}

void AddClients(const Totals& totals, StickyTop<PoolClient>& names, FamilySet& families) {
  std::map<PoolClient, double> weights;
  // Who has a name and no connection just now keeps it while nobody else needs it.
  for (const PoolClient& client : names.Names()) weights[client] = 0;
  for (const auto& [client, by_state] : totals.clients) {
    if (client == PoolClient{}) continue;
    weights[client] = std::accumulate(by_state.begin(), by_state.end(), 0.0);
  }
  names.Update(weights);
  ByState others{};
  const auto add = [&](const PoolClient& client, const ByState& by_state) {
    for (std::size_t i = 0; i < by_state.size(); ++i) {
      if (by_state[i] == 0) continue;
      families.Add(kApplicationConnections,
                   {client.database, client.user, client.application, kStates[i].label},
                   by_state[i]);
    }
  };
  for (const auto& [client, by_state] : totals.clients) {
    if (names.Named(client)) {
      add(client, by_state);
    } else {
      std::transform(others.begin(), others.end(), by_state.begin(), others.begin(), std::plus());
    }
  }
  add({"", "", "other"}, others);
}

// 0 where it can't be told.
double LockWaiters(const Rows& rows) {
  double waiters = 0;
  for (std::size_t i = 0; i < rows.rows.size(); ++i) {
    waiters += RowReader(rows, i).Number("lock_waiters").value_or(0);
  }
  return waiters;
}

class Connections final : public Collector {
 public:
  Connections(std::shared_ptr<PostgresServer> server, std::size_t top)
      : server_(std::move(server)), query_(ConnectionsQuery(kCandidates * top)), clients_(top) {}

  Sample Collect(const SampleContext& context) override {
    Result<PostgresSession> session = server_->Open(CallOf(context));
    if (!session.ok()) return Sample::Down(std::move(session).error());
    Result<Rows> rows = session->Query(query_);
    if (!rows.ok()) return Sample::Down(std::move(rows).error().In("pg_stat_activity"));
    ConnectionsReading reading{*std::move(rows), std::nullopt};
    if (LockWaiters(reading.connections) > 0) {
      Result<Rows> chains = session->Query(LockChainsQuery(session->version()));
      reading.lock_chains =
          chains.ok() ? ReadLockChains(*chains) : Result<LockChains>(std::move(chains).error());
    }
    return ConnectionsSample(reading, clients_);
  }

 private:
  // More than have names: who has lost some connections of late should still be told apart.
  static constexpr std::size_t kCandidates = 4;

  const std::shared_ptr<PostgresServer> server_;
  const std::string query_;
  StickyTop<PoolClient> clients_;
};

}  // namespace

std::span<const MetricInfo> ConnectionsMetrics() { return kMetrics; }

std::string ConnectionsQuery(std::size_t groups) {
  return fmt::format(fmt::runtime(kQuery), groups);
}

Sample ConnectionsSample(const ConnectionsReading& reading, StickyTop<PoolClient>& clients) {
  const Rows& rows = reading.connections;
  Totals totals;
  for (std::size_t i = 0; i < rows.rows.size(); ++i) {
    if (AddRow(RowReader(rows, i), totals)) continue;
    return Sample::Down(
        {fmt::format("row {} of the connections makes no sense", i + 1), Reason::kParse});
  }
  // The one that asks is always there.
  if (rows.rows.empty()) return Sample::Down({"pg_stat_activity is empty", Reason::kParse});
  Sample sample;
  FamilySet families;
  const RowReader first(rows, 0);
  if (const auto max = first.Number("max")) families.Add(kMax, {}, *max);
  if (const auto reserved = first.Number("reserved")) families.Add(kReserved, {}, *reserved);
  if (totals.hidden == 0) {
    AddTotals(totals, families);
    AddClients(totals, clients, families);
    const auto chains = reading.lock_chains.value_or(LockChains{});
    if (chains.ok()) {
      AddLockChains(*chains, families);
    } else {
      sample.errors.push_back(Error(chains.error()).In("pg_blocking_pids"));
    }
  } else {
    sample.errors.push_back(
        {fmt::format("pg_stat_activity hides {} connections of other roles: the role needs "
                     "pg_monitor",
                     totals.hidden),
         Reason::kPrivileges});
  }
  sample.families = std::move(families).Take();
  return sample;
}

std::unique_ptr<Collector> MakeConnections(std::shared_ptr<PostgresServer> server,
                                           std::size_t top) {
  return std::make_unique<Connections>(std::move(server), top);
}

}  // namespace tierwatch
