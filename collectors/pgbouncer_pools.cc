#include "collectors/pgbouncer_pools.h"

#include <fmt/format.h>

#include <array>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "collectors/client/pgbouncer_console.h"
#include "collectors/metric_tables.h"
#include "collectors/postgres_source.h"

namespace tierwatch {
namespace {

using prometheus::MetricType;

constexpr MetricInfo kClients{
    "tierwatch_pool_client_connections",
    MetricType::Gauge,
    "Clients of a PgBouncer pool: active (linked to a server or idle), or "
    "waiting for a server connection.",
    {"database", "user", "state"}};
constexpr MetricInfo kServers{"tierwatch_pool_server_connections",
                              MetricType::Gauge,
                              "Server connections of a PgBouncer pool by state.",
                              {"database", "user", "state"}};
constexpr MetricInfo kMaxWait{"tierwatch_pool_max_wait_seconds",
                              MetricType::Gauge,
                              "How long the client that waits longest for a server connection of a "
                              "PgBouncer pool has waited; 0 where none waits.",
                              {"database", "user"}};

constexpr MetricInfo OfDatabase(MetricType type, std::string_view name, std::string_view help) {
  return {name, type, help, {"database"}};
}
// A column of SHOW STATS or SHOW DATABASES, its name in other versions, and the metric's unit in
// the column's.
struct Column {
  std::string_view name, other_name;
  double unit;
  MetricInfo metric;
};
constexpr std::array<Column, 7> kTotals{{
    {"total_xact_count", "", 1,
     OfDatabase(MetricType::Counter, "tierwatch_pool_transactions_total",
                "Transactions that PgBouncer passed on.")},
    {"total_query_count", "", 1,
     OfDatabase(MetricType::Counter, "tierwatch_pool_queries_total",
                "Queries that PgBouncer passed on.")},
    {"total_xact_time", "", 1e6,
     OfDatabase(MetricType::Counter, "tierwatch_pool_transaction_duration_seconds_total",
                "Time that PgBouncer's clients were inside transactions.")},
    {"total_query_time", "", 1e6,
     OfDatabase(MetricType::Counter, "tierwatch_pool_query_duration_seconds_total",
                "Time that servers worked on queries that PgBouncer passed on.")},
    {"total_wait_time", "", 1e6,
     OfDatabase(MetricType::Counter, "tierwatch_pool_wait_seconds_total",
                "Time that PgBouncer's clients waited for a server connection.")},
    {"total_received", "", 1,
     OfDatabase(MetricType::Counter, "tierwatch_pool_received_bytes_total",
                "Bytes that PgBouncer had from its clients.")},
    {"total_sent", "", 1,
     OfDatabase(MetricType::Counter, "tierwatch_pool_sent_bytes_total",
                "Bytes that PgBouncer sent to its clients.")},
}};
constexpr std::array<Column, 6> kSettings{{
    {"pool_size", "", 1,
     OfDatabase(MetricType::Gauge, "tierwatch_pool_size",
                "Server connections that each PgBouncer pool of a database may have.")},
    {"reserve_pool", "reserve_pool_size", 1,
     OfDatabase(MetricType::Gauge, "tierwatch_pool_reserve_size",
                "Server connections that each PgBouncer pool of a database may have besides, when "
                "its clients wait for long.")},
    {"max_connections", "", 1,
     OfDatabase(MetricType::Gauge, "tierwatch_pool_database_connections_max",
                "Server connections that PgBouncer may have to a database; 0 is any number.")},
    {"current_connections", "", 1,
     OfDatabase(MetricType::Gauge, "tierwatch_pool_database_connections",
                "Server connections that PgBouncer has to a database.")},
    {"paused", "", 1,
     OfDatabase(MetricType::Gauge, "tierwatch_pool_paused",
                "1 while a database is paused in PgBouncer: its clients wait.")},
    {"disabled", "", 1,
     OfDatabase(MetricType::Gauge, "tierwatch_pool_disabled",
                "1 while a database is disabled in PgBouncer: it takes no new clients.")},
}};

// A key of SHOW CONFIG.
struct ConfigKey {
  std::string_view key;
  MetricInfo metric;
};
constexpr std::array<ConfigKey, 2> kConfig{{
    {"max_client_conn",
     {"tierwatch_pool_client_connections_max", MetricType::Gauge,
      "Clients that PgBouncer allows."}},
    {"query_wait_timeout",
     {"tierwatch_pool_max_wait_limit_seconds", MetricType::Gauge,
      "How long PgBouncer lets a client wait for a server connection before it disconnects it "
      "(query_wait_timeout); 0 is for ever."}},
}};

constexpr std::array kMetrics =
    JoinMetrics(std::array{kClients, kServers, kMaxWait}, MetricsOf(kConfig), MetricsOf(kTotals),
                MetricsOf(kSettings));

// A column of SHOW POOLS and its value of the label `state`.
struct Count {
  const MetricInfo& metric;
  std::string_view column, state;
};
constexpr std::array<Count, 7> kCounts{{{kClients, "cl_active", "active"},
                                        {kClients, "cl_waiting", "waiting"},
                                        {kServers, "sv_active", "active"},
                                        {kServers, "sv_idle", "idle"},
                                        {kServers, "sv_used", "used"},
                                        {kServers, "sv_tested", "tested"},
                                        {kServers, "sv_login", "login"}}};

constexpr std::size_t kMostRows = 100;
constexpr std::string_view kConsole = "pgbouncer";  // the pool of the console itself

// What a row is of: the column of its database, and whether it has a user besides.
struct RowKey {
  std::string_view what, database;
  bool has_user = false;
};

// Calls `add` for each row but the console's own.
template <class Add>
Result<void> ForEachRow(const Rows& rows, const RowKey& key, Add add) {
  if (rows.rows.size() > kMostRows) {
    return Error{fmt::format("{} {}, over the limit of {}", rows.rows.size(), key.what, kMostRows),
                 Reason::kLimit};
  }
  std::set<std::pair<std::string, std::string>> seen;
  for (std::size_t i = 0; i < rows.rows.size(); ++i) {
    const RowReader row(rows, i);
    const std::string database = row.Label(key.database);
    const std::string user = key.has_user ? row.Label("user") : "";
    if (database == kConsole) continue;
    if (database.empty() || !seen.emplace(database, user).second) {
      return Error{fmt::format("row {} makes no sense", i + 1), Reason::kParse};
    }
    add(row, database, user);
  }
  return {};
}

Result<void> AddPools(const Rows& rows, FamilySet& families) {
  const auto add = [&](const RowReader& row, const std::string& database, const std::string& user) {
    for (const Count& count : kCounts) {
      const auto value = row.Number(count.column);
      if (value) families.Add(count.metric, {database, user, count.state}, *value);
    }
    // Whole seconds, and the microseconds beyond them.
    const auto seconds = row.Number("maxwait");
    const auto micros = row.Number("maxwait_us");
    if (seconds && micros) families.Add(kMaxWait, {database, user}, *seconds + *micros / 1e6);
  };
  return ForEachRow(rows, {"pools", "database", true}, add);
}

// Rows of databases, whose name is in the column `key`.
Result<void> AddDatabases(const Rows& rows, std::string_view key, std::span<const Column> columns,
                          FamilySet& families) {
  const auto add = [&](const RowReader& row, const std::string& database, const std::string&) {
    for (const Column& column : columns) {
      auto value = row.Number(column.name);
      if (!value) value = row.Number(column.other_name);
      if (value && *value >= 0) families.Add(column.metric, {database}, *value / column.unit);
    }
  };
  return ForEachRow(rows, {"databases", key}, add);
}

// The first row of each key counts.
void AddConfig(const Rows& rows, FamilySet& families) {
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < rows.rows.size(); ++i) {
    const RowReader row(rows, i);
    for (const ConfigKey& setting : kConfig) {
      if (row.Text("key") != setting.key || !seen.insert(setting.key).second) continue;
      if (const auto value = row.Number("value")) families.Add(setting.metric, {}, *value);
    }
  }
}

class PgBouncer final : public Collector {
 public:
  PgBouncer(PostgresAddress address, Secret password)
      : address_(std::move(address)), password_(std::move(password)) {}

  Sample Collect(const SampleContext& context) override {
    auto console = PgBouncerConsole::Open(address_, password_, CallOf(context));
    if (!console.ok()) return Sample::Down(std::move(console).error());
    std::vector<Error> errors;
    const auto ask = [&](const char* command) -> std::optional<Rows> {
      Result<Rows> rows = console->Ask(command);
      if (rows.ok()) return *std::move(rows);
      errors.push_back(std::move(rows).error().In(command));
      return std::nullopt;
    };
    PgBouncerReading reading;
    reading.pools = ask("SHOW POOLS");
    if (!reading.pools) return Sample::Down(errors[0]);
    reading.stats = ask("SHOW STATS");
    reading.databases = ask("SHOW DATABASES");
    reading.config = ask("SHOW CONFIG");
    Sample sample = PgBouncerSample(reading);
    sample.errors.insert(sample.errors.begin(), errors.begin(), errors.end());
    return sample;
  }

 private:
  const PostgresAddress address_;
  const Secret password_;
};

}  // namespace

std::span<const MetricInfo> PgBouncerMetrics() { return kMetrics; }

Sample PgBouncerSample(const PgBouncerReading& reading) {
  Sample sample;
  FamilySet families;
  const auto add = [&](const std::optional<Rows>& rows, const char* command, auto read) {
    if (!rows) return;
    Result<void> added = read(*rows);
    if (!added.ok()) sample.errors.push_back(std::move(added).error().In(command));
  };
  add(reading.pools, "SHOW POOLS", [&](const Rows& rows) { return AddPools(rows, families); });
  add(reading.stats, "SHOW STATS",
      [&](const Rows& rows) { return AddDatabases(rows, "database", kTotals, families); });
  add(reading.databases, "SHOW DATABASES",
      [&](const Rows& rows) { return AddDatabases(rows, "name", kSettings, families); });
  if (reading.config) AddConfig(*reading.config, families);
  sample.families = std::move(families).Take();
  return sample;
}

std::unique_ptr<Collector> MakePgBouncer(PostgresAddress address, Secret password) {
  return std::make_unique<PgBouncer>(std::move(address), std::move(password));
}

}  // namespace tierwatch
