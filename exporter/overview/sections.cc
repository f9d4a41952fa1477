#include "exporter/overview/sections.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/html.h"
#include "exporter/overview/table.h"
#include "exporter/readable.h"

namespace tierwatch {
namespace {

// The same questions of the tiers ("tierwatch_cache_tier", by service and tier) and of whole
// caches.
OverviewTable CacheTable(const OverviewSource& source, std::vector<std::string> keys,
                         const std::string& prefix, const std::string& available) {
  const std::string by = fmt::format("by ({}) ", fmt::join(keys, ", "));
  const auto sum = [&](const std::string& expr) { return "sum " + by + "(" + expr + ")"; };
  const auto rate = [&](const char* what) {
    return sum(fmt::format("rate({}_{}_total[1m])", prefix, what));
  };
  const auto max = [&](const char* what) { return fmt::format("max {}({}_{})", by, prefix, what); };
  const std::string ratio =
      fmt::format("{} / ({} + {})", rate("hits"), rate("hits"), rate("misses"));
  OverviewTable table(source, std::move(keys));
  table.Column("seen", "count " + by + "(" + available + ")", true);
  table.Column("up", sum(available));
  table.Column("entries", sum(prefix + "_entries"));
  table.Column("hit", ratio);
  table.Column("p50", max("latency_p50_seconds"));
  table.Column("p95", max("latency_p95_seconds"));
  table.Column("errors", rate("errors"));
  table.Trend(ratio);
  return table;
}

std::string CacheLine(const OverviewSource& source, const std::string& service,
                      const std::string& tier, const OverviewRow& row, std::string_view unit) {
  const double up = row["up"];
  const double seen = row["seen"];
  const bool all = up >= seen;
  const double errors = row["errors"];
  const std::string available =
      seen == 1 ? std::string(all ? "yes" : "DOWN") : fmt::format("{} of {} {}", up, seen, unit);
  return fmt::format(
      "<tr><td>{}</td><td>{}</td>{}{}{}{}{}{}{}</tr>", EscapeHtml(service), tier,
      Cell((all ? "✓ " : "✕ ") + available, all ? "good" : "bad"),
      Cell(FormatCount(row["entries"])), Cell(FormatRatio(row["hit"])),
      Cell(FormatSeconds(row["p50"])), Cell(FormatSeconds(row["p95"])),
      Cell(std::isnan(errors) ? "—" : FormatCount(errors) + "/s", errors > 0 ? "warn" : ""),
      TrendCell(row, source, "hit ratio"));
}

std::string_view Tone(double value, double warn,
                      double bad = std::numeric_limits<double>::infinity()) {
  return value > bad ? "bad" : value > warn ? "warn" : "";
}

// What comes to an end soonest stands first.
std::vector<std::pair<std::vector<std::string>, OverviewRow>> ByRunway(const OverviewTable& table) {
  std::vector<std::pair<std::vector<std::string>, OverviewRow>> rows(table.rows().begin(),
                                                                     table.rows().end());
  const auto urgency = [](const auto& item) {
    const double runway = item.second["runway"];
    return std::isnan(runway) ? std::numeric_limits<double>::infinity() : runway;
  };
  std::ranges::stable_sort(rows, {}, urgency);
  return rows;
}

}  // namespace

std::string TierSection(const OverviewSource& source) {
  const OverviewTable whole = CacheTable(source, {"service"}, "tierwatch_cache",
                                         "tierwatch_target_up{collector=\"cache_health\"}");
  const OverviewTable tiers = CacheTable(source, {"service", "tier"}, "tierwatch_cache_tier",
                                         "tierwatch_cache_tier_available");
  std::string rows;
  for (const auto& [key, row] : whole.rows()) {
    rows += CacheLine(source, key[0], "<b>all tiers</b>", row, "backends");
    for (const auto& [tier_key, tier_row] : tiers.rows()) {
      if (tier_key[0] == key[0])
        rows += CacheLine(source, "", EscapeHtml(tier_key[1]), tier_row, "instances");
    }
  }
  return Section("Cache tiers",
                 "<th>Service<th>Tier<th class=n>Available<th class=n>Entries<th class=n>Hit ratio"
                 "<th class=n>p50<th class=n>p95<th class=n>Errors<th>" +
                     TrendHead("Hit ratio", source),
                 rows);
}

std::string ReplicaSection(const OverviewSource& source) {
  OverviewTable replicas(source, {"service", "replica"});
  replicas.Column("streaming", "max by (service, replica) (tierwatch_replica_streaming)", true);
  replicas.Column("lag", "max by (service, replica) (tierwatch_replica_lag_seconds)", true);
  replicas.Column("bytes",
                  "max by (service, replica) (tierwatch_replica_lag_bytes{stage=\"replay\"})");
  replicas.Column("claimed",
                  "max by (service, replica) (tierwatch_backend_reported_replica_lag_seconds)");
  replicas.Trend("max by (service, replica) (tierwatch_replica_lag_seconds)");
  std::string rows;
  for (const auto& [key, row] : replicas.rows()) {
    const double streaming = row["streaming"];
    rows += fmt::format(
        "<tr><td>{}</td><td>{}</td>{}{}{}{}{}</tr>", EscapeHtml(key[0]), EscapeHtml(key[1]),
        std::isnan(streaming)
            ? Cell("—")
            : Cell(streaming > 0 ? "✓ yes" : "✕ no", streaming > 0 ? "good" : "bad"),
        Cell(FormatSeconds(row["lag"]), Tone(row["lag"], 5, 30)), Cell(FormatBytes(row["bytes"])),
        Cell(FormatSeconds(row["claimed"])), TrendCell(row, source, "lag"));
  }
  return Section("Replicas",
                 "<th>Service<th>Replica<th class=n>Streaming<th class=n>Lag<th class=n>Behind by"
                 "<th class=n>Backend claims<th>" +
                     TrendHead("Lag", source),
                 rows);
}

std::string PartitionSection(const OverviewSource& source) {
  OverviewTable tables(source, {"service", "schema", "table"});
  const auto by_table = [](const char* how, const char* metric) {
    return fmt::format("{} by (service, schema, table) (tierwatch_partition{})", how, metric);
  };
  tables.Column("count", by_table("max", "s"), true);
  tables.Column("runway", by_table("min", "_runway_seconds"));
  tables.Column("rows", by_table("max", "_rows_estimate"));
  tables.Column("bytes", by_table("max", "_size_estimate_bytes"));
  tables.Column("gaps", by_table("max", "_gaps"));
  tables.Column("default", by_table("max", "_default_has_rows"));
  constexpr double kDay = 86'400;
  std::string rows;
  for (const auto& [key, row] : ByRunway(tables)) {
    const double runway = row["runway"];
    const double strays = row["default"];
    rows += fmt::format("<tr><td>{}</td><td><code>{}.{}</code></td>{}{}{}{}{}{}</tr>",
                        EscapeHtml(key[0]), EscapeHtml(key[1]), EscapeHtml(key[2]),
                        Cell(FormatSeconds(runway), Tone(-runway, -7 * kDay, -kDay)),
                        Cell(FormatCount(row["count"])), Cell(FormatCount(row["rows"])),
                        Cell(FormatBytes(row["bytes"])),
                        Cell(FormatCount(row["gaps"]), Tone(row["gaps"], 0)),
                        Cell(std::isnan(strays) ? "—"
                             : strays > 0       ? "has rows"
                                                : "empty",
                             strays > 0 ? "bad" : ""));
  }
  return Section(
      "Partitioned tables",
      "<th>Service<th>Table<th class=n>Runway<th class=n>Partitions<th class=n>Rows<th class=n>Size"
      "<th class=n>Gaps<th class=n>Default partition",
      rows);
}

std::string PoolSection(const OverviewSource& source) {
  OverviewTable pools(source, {"service", "target"});
  const auto by_target = [](const char* how, const char* metric) {
    return fmt::format("{} by (service, target) (tierwatch_pool_{})", how, metric);
  };
  pools.Column("used", by_target("sum", "connections"), true);
  pools.Column("clients", by_target("sum", "client_connections"), true);
  pools.Column("max", by_target("max", "connections_max"));
  pools.Column("clients_max", by_target("max", "client_connections_max"));
  pools.Column("lock_waiters", by_target("max", "lock_waiters"));
  pools.Column("wait", by_target("max", "max_wait_seconds"));
  pools.Column("transaction", by_target("max", "oldest_transaction_seconds"));
  pools.Column("idle", by_target("max", "oldest_idle_in_transaction_seconds"));
  pools.Trend(by_target("sum", "connections") + " or " + by_target("sum", "client_connections"));
  std::string rows;
  for (const auto& [key, row] : pools.rows()) {
    const bool postgres = !std::isnan(row["used"]);  // else a PgBouncer
    const double used = row[postgres ? "used" : "clients"];
    const double most = row[postgres ? "max" : "clients_max"];
    rows += fmt::format(
        "<tr><td>{}</td><td>{}</td>{}{}{}{}{}{}{}</tr>", EscapeHtml(key[0]), EscapeHtml(key[1]),
        Cell(FormatCount(used), Tone(used / most, 0.75, 0.9)), Cell(FormatCount(most)),
        Cell(FormatCount(row["lock_waiters"]), Tone(row["lock_waiters"], 0)),
        Cell(FormatSeconds(row["wait"]), Tone(row["wait"], 0, 1)),
        Cell(FormatSeconds(row["transaction"]), Tone(row["transaction"], 300, 3'600)),
        Cell(FormatSeconds(row["idle"]), Tone(row["idle"], 60, 600)),
        TrendCell(row, source, "connections"));
  }
  return Section("Connections",
                 "<th>Service<th>Server<th class=n>Used<th class=n>Of<th class=n>Wait for locks"
                 "<th class=n>Wait for a server<th class=n>Oldest transaction<th class=n>Longest "
                 "idle in one<th>" +
                     TrendHead("Used", source),
                 rows);
}

}  // namespace tierwatch
