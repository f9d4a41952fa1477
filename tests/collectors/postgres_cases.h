// The golden cases of the PostgreSQL collectors: recorded rows, as psql prints them with
// -A -P footer=off -P null='\N', to a sample.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "base/yaml.h"
#include "collectors/partition_families.h"
#include "collectors/partition_leaves.h"
#include "collectors/pgbouncer_pools.h"
#include "collectors/pool.h"
#include "collectors/postgres_source.h"
#include "collectors/queries.h"
#include "collectors/replicas.h"
#include "tests/support/files.h"

namespace tierwatch {

inline Rows ParseRows(const std::string& text) {
  Rows rows;
  std::size_t at = 0;
  for (std::size_t end = 0; (end = text.find('\n', at)) != std::string::npos; at = end + 1) {
    std::vector<std::optional<std::string>> values;
    std::string line = text.substr(at, end - at) + "|";
    for (std::size_t from = 0, to = 0; (to = line.find('|', from)) != std::string::npos;
         from = to + 1) {
      const std::string value = line.substr(from, to - from);
      values.push_back(value == "\\N" ? std::nullopt : std::optional(value));
    }
    if (at == 0) {
      for (const auto& name : values) rows.columns.push_back(name.value_or(""));
    } else {
      rows.rows.push_back(std::move(values));
    }
  }
  return rows;
}

inline std::optional<Rows> RowsIfThere(const std::string& path) {
  if (!std::filesystem::exists(path)) return std::nullopt;
  return ParseRows(ReadFile(path));
}

inline PartitionOptions PartitionOptionsCase(const std::string& path) {
  if (!std::filesystem::exists(path)) return {};
  Diagnostics diagnostics;
  const auto node = YamlNode::Parse(ReadFile(path), path, diagnostics);
  YamlMap entry(node.value(), "entry", diagnostics);
  PartitionOptions options = ReadPartitionOptions(entry);
  entry.Finish();
  EXPECT_TRUE(diagnostics.empty()) << diagnostics.ToString();
  return options;
}

/// Of one batch, at the time of the overview.
inline PartitionSizes PartitionSizesCase(const std::string& folder, const PartitionOptions& options,
                                         double now) {
  PartitionSizes sizes(*options.exact_sizes, options.top);
  sizes.Learn(ParseRows(ReadFile(folder + "/leaves.rows")), SteadyTime{}, now);
  sizes.Learn(ParseRows(ReadFile(folder + "/sizes.rows")), SteadyTime{}, now);
  return sizes;
}

/// entry.yml: the collector's own keys. overview.rows, partitions.rows, statistics.rows and
/// names.rows; default.rows: oid|has_rows of the probes that were answered; keys.rows: oid|highest;
/// partman.rows; leaves.rows and sizes.rows of exact sizes.
inline Sample PartitionsCase(const std::string& folder) {
  Sample sample;
  Result<PartitionOverview> overview =
      ReadPartitionOverview(ParseRows(ReadFile(folder + "/overview.rows")));
  if (!overview.ok()) return Sample::Down(overview.error());
  const PartitionOptions options = PartitionOptionsCase(folder + "/entry.yml");
  PartitionReading reading;
  reading.overview = *std::move(overview);
  std::vector<PartitionedTable>& tables = reading.overview.tables;
  PartitionMemory memory;
  PartitionLeaves leaves;
  const std::vector<Oid> outdated = memory.Outdated(reading.overview);
  leaves.Begin(tables, outdated);
  if (const auto partitions = RowsIfThere(folder + "/partitions.rows")) {
    memory.Learn(reading.overview, outdated, *partitions);
    leaves.Place(outdated, *partitions);
  }
  if (const auto statistics = RowsIfThere(folder + "/statistics.rows")) {
    leaves.Learn(leaves.Next(), *statistics);
  }
  leaves.Sum(tables);
  const auto each = [&](const std::string& file, auto take) {
    const auto rows = RowsIfThere(folder + "/" + file);
    for (std::size_t i = 0; rows && i < rows->rows.size(); ++i) {
      const RowReader row(*rows, i);
      take(static_cast<Oid>(*row.Unsigned("oid")), row);
    }
  };
  each("default.rows", [&](Oid oid, const RowReader& row) {
    reading.default_has_rows[oid] = row.Flag("has_rows").value();
  });
  each("keys.rows", [&](Oid oid, const RowReader& row) {
    reading.highest_keys[oid] = std::stoll(row.Text("highest"));
  });
  if (const auto names = RowsIfThere(folder + "/names.rows")) {
    reading.top = NameLeaves(leaves.Top(options.top).value(), tables, *names);
  }
  if (const auto rows = RowsIfThere(folder + "/partman.rows")) reading.partman = ReadPartman(*rows);
  std::optional<PartitionSizes> sizes;
  if (options.exact_sizes) {
    sizes.emplace(PartitionSizesCase(folder, options, reading.overview.now));
  }
  sample.families = PartitionFamilies(reading, options, memory, sizes ? &*sizes : nullptr);
  return sample;
}

/// 1/, 2/, …: samplings 15 s apart, each with primary.rows, senders.rows, slots.rows, and those of
/// the replica, whichever could be read; the page is the last one's.
inline Sample ReplicasCase(const std::string& folder) {
  ReplicationView view;
  Sample sample;
  for (int i = 1; std::filesystem::exists(folder + "/" + std::to_string(i)); ++i) {
    const std::string step = folder + "/" + std::to_string(i) + "/";
    const SteadyTime at{std::chrono::seconds(15 * i)};
    const auto read = [&](const std::string& server, const std::string& status,
                          const std::string& senders, const std::string& slots) {
      ServerReading reading;
      reading.name = server;
      if (const auto rows = RowsIfThere(step + status)) {
        reading.status = ReadServerStatus(*rows, at).value();
      }
      if (const auto rows = RowsIfThere(step + senders)) reading.senders = ReadSenders(*rows);
      if (const auto rows = RowsIfThere(step + slots)) reading.slots = ReadSlots(*rows);
      return reading;
    };
    sample = view.Judge(
        {at,
         {read("10.0.0.31:5432", "primary.rows", "senders.rows", "slots.rows"),
          read("10.0.0.32:5432", "replica.rows", "replica_senders.rows", "replica_slots.rows")},
         1});
  }
  return sample;
}

/// connections.rows and lock_chains.rows of a PostgreSQL; pools.rows, stats.rows, databases.rows
/// and config.rows of a PgBouncer.
inline Sample PoolCase(const std::string& folder) {
  if (const auto pools = RowsIfThere(folder + "/pools.rows")) {
    return PgBouncerSample({pools, RowsIfThere(folder + "/stats.rows"),
                            RowsIfThere(folder + "/databases.rows"),
                            RowsIfThere(folder + "/config.rows")});
  }
  StickyTop<PoolClient> clients(2);
  PoolReading reading{ParseRows(ReadFile(folder + "/connections.rows")), std::nullopt};
  if (const auto chains = RowsIfThere(folder + "/lock_chains.rows")) {
    reading.lock_chains = ReadLockChains(*chains);
  }
  return PoolSample(reading, clients);
}

/// 1/, 2/, …: samplings of a collector with `top: 2`, each with extension.rows, statements.rows,
/// databases.rows and server.rows, whichever could be read; the page is the last one's.
inline Sample QueriesCase(const std::string& folder) {
  StatementTotals totals(2);
  Sample sample;
  for (int i = 1; std::filesystem::exists(folder + "/" + std::to_string(i)); ++i) {
    const std::string step = folder + "/" + std::to_string(i);
    sample =
        QueriesSample({RowsIfThere(step + "/statements.rows"),
                       RowsIfThere(step + "/databases.rows"), RowsIfThere(step + "/server.rows")},
                      totals);
    const auto extension = RowsIfThere(step + "/extension.rows");
    if (!extension) continue;
    if (const auto query = StatementsQuery(*extension); !query.ok()) {
      sample.errors.push_back(query.error());
    }
  }
  return sample;
}

}  // namespace tierwatch
