#include "collectors/pool.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/http_client.h"
#include "collectors/pgbouncer_pools.h"
#include "collectors/postgres_source.h"

namespace tierwatch {
namespace {

using prometheus::MetricType;

constexpr MetricInfo Gauge(std::string_view name, std::string_view help) {
  return {name, MetricType::Gauge, help};
}
constexpr MetricInfo kConnections{
    "tierwatch_pool_connections",
    MetricType::Gauge,
    "Client connections of the server by state, the one that asks among them.",
    {"state"}};
constexpr MetricInfo kMax =
    Gauge("tierwatch_pool_connections_max", "Client connections that the server allows.");
constexpr MetricInfo kReserved =
    Gauge("tierwatch_pool_connections_reserved",
          "Connections of the allowed ones that ordinary roles can't have.");
constexpr MetricInfo kLockWaiters =
    Gauge("tierwatch_pool_lock_waiters", "Client connections that wait for a lock.");
constexpr MetricInfo kOldestTransaction =
    Gauge("tierwatch_pool_oldest_transaction_seconds",
          "Age of the oldest open transaction of a client; 0 where none is open.");
constexpr MetricInfo kOldestIdle =
    Gauge("tierwatch_pool_oldest_idle_in_transaction_seconds",
          "Time that a client has been idle inside its transaction, of the one that has been so "
          "longest; 0 where none is.");

constexpr std::array kMetrics{kConnections,       kMax,       kReserved, kLockWaiters,
                              kOldestTransaction, kOldestIdle};

// PostgreSQL 18 calls a connection that has no state yet `starting`; before, it is NULL. Without
// pg_monitor, rows of other roles have neither type nor state; background processes have no role.
// reserved_connections came with PostgreSQL 16.
constexpr std::string_view kQuery = R"(
SELECT backend_type IS NULL AS hidden, coalesce(state, 'starting') AS state, count(*) AS connections,
  count(*) FILTER (WHERE wait_event_type = 'Lock') AS lock_waiters,
  extract(epoch FROM clock_timestamp() - min(xact_start) FILTER (WHERE pid <> pg_backend_pid()))::float8
    AS transaction_seconds,
  extract(epoch FROM clock_timestamp() - min(state_change))::float8 AS state_seconds,
  current_setting('max_connections')::int AS max,
  current_setting('superuser_reserved_connections')::int
    + coalesce(current_setting('reserved_connections', true)::int, 0) AS reserved
FROM pg_stat_activity
WHERE backend_type = 'client backend' OR backend_type IS NULL AND usesysid IS NOT NULL
GROUP BY 1, 2 ORDER BY 1, 2)";

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

struct PoolTotals {
  std::array<double, kStates.size()> connections{};
  double hidden = 0, lock_waiters = 0, oldest_transaction = 0, oldest_idle = 0;
};

// False where the row makes no sense.
bool AddRow(const RowReader& row, PoolTotals& totals) {
  const auto hidden = row.Flag("hidden");
  const auto connections = row.Number("connections");
  const auto lock_waiters = row.Number("lock_waiters");
  if (!hidden || !connections || !lock_waiters) return false;
  if (*hidden) {
    totals.hidden += *connections;
    return true;
  }
  const State& state = FindState(row.Text("state"));
  totals.connections[static_cast<std::size_t>(&state - kStates.data())] += *connections;
  totals.lock_waiters += *lock_waiters;
  totals.oldest_transaction =
      std::max(totals.oldest_transaction, row.Number("transaction_seconds").value_or(0));
  if (state.idle_in_transaction) {
    totals.oldest_idle = std::max(totals.oldest_idle, row.Number("state_seconds").value_or(0));
  }
  return true;
}

void AddTotals(const PoolTotals& totals, FamilySet& families) {
  for (std::size_t i = 0; i < kStates.size(); ++i) {
    families.Add(kConnections, {kStates[i].label}, totals.connections[i]);
  }
  families.Add(kLockWaiters, {}, totals.lock_waiters);
  families.Add(kOldestTransaction, {}, totals.oldest_transaction);
  families.Add(kOldestIdle, {}, totals.oldest_idle);
}

class Pool final : public Collector {
 public:
  explicit Pool(std::shared_ptr<PostgresServer> server) : server_(std::move(server)) {}

  Sample Collect(const SampleContext& context) override {
    Result<PostgresSession> session = server_->Open(CallOf(context));
    if (!session.ok()) return Sample::Down(std::move(session).error());
    Result<Rows> rows = session->Query(PoolQuery());
    if (!rows.ok()) return Sample::Down(std::move(rows).error().In("pg_stat_activity"));
    return PoolSample(*rows);
  }

 private:
  const std::shared_ptr<PostgresServer> server_;
};

}  // namespace

std::span<const MetricInfo> PoolMetrics() {
  static const std::vector<MetricInfo> kAll = [] {
    std::vector<MetricInfo> all(kMetrics.begin(), kMetrics.end());
    all.insert(all.end(), PgBouncerMetrics().begin(), PgBouncerMetrics().end());
    return all;
  }();
  return kAll;
}

std::string PoolQuery() { return std::string(kQuery); }

Sample PoolSample(const Rows& rows) {
  PoolTotals totals;
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

CollectorEntry ReadPool(YamlMap& entry, std::string_view, CollectorResources& resources) {
  const Secret password = ReadSecret(entry, "password");
  CollectorEntry read;
  read.addresses = ReadTargets(entry, {"postgresql", "postgres", "pgbouncer"});
  read.make = [password,
               servers = SharedServers(resources)](const std::string& url) -> Result<Target> {
    if (url.starts_with("pgbouncer://")) {
      auto address = ParsePgBouncerAddress(url);
      if (!address.ok()) return std::move(address).error();
      return Target{address->Name(), MakePgBouncer(*address, password)};
    }
    auto server = FindServer(*servers, url, password);
    if (!server.ok()) return std::move(server).error();
    return Target{(*server)->address().Name(), std::make_unique<Pool>(*server)};
  };
  return read;
}

}  // namespace tierwatch
