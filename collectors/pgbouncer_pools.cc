#include "collectors/pgbouncer_pools.h"

#include <fmt/format.h>

#include <array>
#include <set>
#include <string>
#include <utility>

#include "collectors/client/pgbouncer_console.h"
#include "collectors/foreign_text.h"
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
constexpr MetricInfo kClientsMax{"tierwatch_pool_client_connections_max", MetricType::Gauge,
                                 "Clients that PgBouncer allows."};

constexpr std::array kMetrics{kClients, kServers, kMaxWait, kClientsMax};

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

constexpr std::size_t kMostPools = 100;
constexpr std::string_view kConsole = "pgbouncer";  // the pool of the console itself

void AddPool(const RowReader& row, const std::string& database, const std::string& user,
             FamilySet& families) {
  for (const Count& count : kCounts) {
    if (const auto value = row.Number(count.column)) {
      families.Add(count.metric, {database, user, count.state}, *value);
    }
  }
  // Whole seconds, and the microseconds beyond them.
  const auto seconds = row.Number("maxwait");
  const auto micros = row.Number("maxwait_us");
  if (seconds && micros) families.Add(kMaxWait, {database, user}, *seconds + *micros / 1e6);
}

Result<void> AddPools(const Rows& rows, FamilySet& families) {
  if (rows.rows.size() > kMostPools) {
    return Error{fmt::format("{} pools, over the limit of {}", rows.rows.size(), kMostPools),
                 Reason::kLimit};
  }
  std::set<std::pair<std::string, std::string>> seen;
  for (std::size_t i = 0; i < rows.rows.size(); ++i) {
    const RowReader row(rows, i);
    const std::string database = LabelText(row.Text("database"));
    const std::string user = LabelText(row.Text("user"));
    if (database == kConsole) continue;
    if (database.empty() || !seen.emplace(database, user).second) {
      return Error{fmt::format("row {} makes no sense", i + 1), Reason::kParse};
    }
    AddPool(row, database, user, families);
  }
  return {};
}

void AddConfig(const Rows& rows, FamilySet& families) {
  for (std::size_t i = 0; i < rows.rows.size(); ++i) {
    const RowReader row(rows, i);
    if (row.Text("key") != "max_client_conn") continue;
    if (const auto value = row.Number("value")) families.Add(kClientsMax, {}, *value);
    return;
  }
}

class PgBouncer final : public Collector {
 public:
  PgBouncer(PostgresAddress address, Secret password)
      : address_(std::move(address)), password_(std::move(password)) {}

  Sample Collect(const SampleContext& context) override {
    auto console = PgBouncerConsole::Open(address_, password_, CallOf(context));
    if (!console.ok()) return Sample::Down(std::move(console).error());
    Result<Rows> pools = console->Ask("SHOW POOLS");
    if (!pools.ok()) return Sample::Down(std::move(pools).error().In("SHOW POOLS"));
    Result<Rows> config = console->Ask("SHOW CONFIG");
    Sample sample =
        PgBouncerSample(*pools, config.ok() ? std::optional(*config) : std::optional<Rows>());
    if (!config.ok()) sample.errors.push_back(std::move(config).error().In("SHOW CONFIG"));
    return sample;
  }

 private:
  const PostgresAddress address_;
  const Secret password_;
};

}  // namespace

std::span<const MetricInfo> PgBouncerMetrics() { return kMetrics; }

Sample PgBouncerSample(const std::optional<Rows>& pools, const std::optional<Rows>& config) {
  Sample sample;
  FamilySet families;
  if (pools) {
    Result<void> added = AddPools(*pools, families);
    if (!added.ok()) sample.errors.push_back(std::move(added).error().In("SHOW POOLS"));
  }
  if (config) AddConfig(*config, families);
  sample.families = std::move(families).Take();
  return sample;
}

std::unique_ptr<Collector> MakePgBouncer(PostgresAddress address, Secret password) {
  return std::make_unique<PgBouncer>(std::move(address), std::move(password));
}

}  // namespace tierwatch
