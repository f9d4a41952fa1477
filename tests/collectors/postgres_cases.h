// The golden cases of the PostgreSQL collectors: recorded rows, as psql prints them with
// -A -P footer=off -P null='\N', to a sample. Whatever the files are: they are fuzzed, too.
#pragma once

#include <map>
#include <string>

#include "base/yaml.h"
#include "collectors/partition_families.h"
#include "collectors/partition_leaves.h"
#include "collectors/pgbouncer_pools.h"
#include "collectors/postgres_connections.h"
#include "collectors/postgres_source.h"
#include "collectors/queries.h"
#include "collectors/replicas.h"
#include "collectors/statement_rows.h"

namespace tierwatch {

/// The files of a case by their paths in its folder.
using CaseFiles = std::map<std::string, std::string>;

/// Every row has as many values as there are columns: libpq sees to that.
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
      values.resize(rows.columns.size());
      rows.rows.push_back(std::move(values));
    }
  }
  return rows;
}

inline std::optional<Rows> RowsIfThere(const CaseFiles& files, const std::string& path) {
  const auto file = files.find(path);
  return file == files.end() ? std::nullopt : std::optional(ParseRows(file->second));
}
inline Rows RowsOf(const CaseFiles& files, const std::string& path) {
  return RowsIfThere(files, path).value_or(Rows{});
}

/// What is not a good entry says nothing.
inline PartitionOptions PartitionOptionsCase(const CaseFiles& files) {
  const auto file = files.find("entry.yml");
  if (file == files.end()) return {};
  Diagnostics diagnostics;
  const auto node = YamlNode::Parse(file->second, file->first, diagnostics);
  if (!node) return {};
  YamlMap entry(*node, "entry", diagnostics);
  PartitionOptions options = ReadPartitionOptions(entry);
  entry.Finish();
  return diagnostics.empty() ? options : PartitionOptions{};
}

/// Of one batch, at the time of the overview.
inline PartitionSizes PartitionSizesCase(const CaseFiles& files, const PartitionOptions& options,
                                         double now) {
  PartitionSizes sizes(*options.exact_sizes, options.top);
  sizes.Learn(RowsOf(files, "leaves.rows"), SteadyTime{}, now);
  sizes.Learn(RowsOf(files, "sizes.rows"), SteadyTime{}, now);
  return sizes;
}

/// entry.yml: the collector's own keys. overview.rows, partitions.rows, statistics.rows and
/// names.rows; default.rows: oid|has_rows of the probes that were answered; keys.rows: oid|highest;
/// partman.rows; leaves.rows and sizes.rows of exact sizes.
inline Sample PartitionsCase(const CaseFiles& files) {
  Sample sample;
  Result<PartitionOverview> overview = ReadPartitionOverview(RowsOf(files, "overview.rows"));
  if (!overview.ok()) return Sample::Down(overview.error());
  const PartitionOptions options = PartitionOptionsCase(files);
  PartitionReading reading;
  reading.overview = *std::move(overview);
  std::vector<PartitionedTable>& tables = reading.overview.tables;
  PartitionMemory memory;
  PartitionLeaves leaves;
  const std::vector<Oid> outdated = memory.Outdated(reading.overview);
  leaves.Begin(tables, outdated);
  if (const auto partitions = RowsIfThere(files, "partitions.rows")) {
    memory.Learn(reading.overview, outdated, *partitions);
    leaves.Place(outdated, *partitions);
  }
  if (const auto statistics = RowsIfThere(files, "statistics.rows")) {
    leaves.Learn(leaves.Next(), *statistics);
  }
  leaves.Sum(tables);
  const auto each = [&](const std::string& file, auto take) {
    const auto rows = RowsIfThere(files, file);
    for (std::size_t i = 0; rows && i < rows->rows.size(); ++i) {
      const RowReader row(*rows, i);
      take(static_cast<Oid>(row.Unsigned("oid").value_or(0)), row);
    }
  };
  each("default.rows", [&](Oid oid, const RowReader& row) {
    if (const auto has_rows = row.Flag("has_rows")) reading.default_has_rows[oid] = *has_rows;
  });
  each("keys.rows", [&](Oid oid, const RowReader& row) {
    reading.highest_keys[oid] =
        PositionOf(KeyAxis::kInteger, {BoundValue::Kind::kLiteral, row.Text("highest")});
  });
  if (const auto names = RowsIfThere(files, "names.rows")) {
    const auto top = leaves.Top(options.top);
    if (top.ok()) reading.top = NameLeaves(*top, tables, *names);
  }
  if (const auto rows = RowsIfThere(files, "partman.rows")) reading.partman = ReadPartman(*rows);
  std::optional<PartitionSizes> sizes;
  if (options.exact_sizes) {
    sizes.emplace(PartitionSizesCase(files, options, reading.overview.now));
  }
  sample.families = PartitionFamilies(reading, options, memory, sizes ? &*sizes : nullptr);
  return sample;
}

/// Whether there are files of sampling `i`.
inline bool HasStep(const CaseFiles& files, int i) {
  const std::string folder = std::to_string(i) + "/";
  const auto first = files.lower_bound(folder);
  return first != files.end() && first->first.starts_with(folder);
}

/// 1/, 2/, …: samplings 15 s apart, each with primary.rows, senders.rows, slots.rows, and those of
/// the replica, whichever could be read; the page is the last one's.
inline Sample ReplicasCase(const CaseFiles& files) {
  ReplicationView view;
  Sample sample;
  for (int i = 1; HasStep(files, i); ++i) {
    const std::string step = std::to_string(i) + "/";
    const SteadyTime at{std::chrono::seconds(15 * i)};
    const auto read = [&](const std::string& server, const std::string& status,
                          const std::string& senders, const std::string& slots) {
      ServerReading reading;
      reading.name = server;
      if (const auto rows = RowsIfThere(files, step + status)) {
        if (auto read_status = ReadServerStatus(*rows, at); read_status.ok())
          reading.status = *std::move(read_status);
      }
      if (const auto rows = RowsIfThere(files, step + senders))
        reading.senders = ReadSenders(*rows);
      if (const auto rows = RowsIfThere(files, step + slots)) reading.slots = ReadSlots(*rows);
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
inline Sample PoolCase(const CaseFiles& files) {
  if (const auto pools = RowsIfThere(files, "pools.rows")) {
    return PgBouncerSample({pools, RowsIfThere(files, "stats.rows"),
                            RowsIfThere(files, "databases.rows"),
                            RowsIfThere(files, "config.rows")});
  }
  StickyTop<PoolClient> clients(2);
  ConnectionsReading reading{RowsOf(files, "connections.rows"), std::nullopt};
  if (const auto chains = RowsIfThere(files, "lock_chains.rows")) {
    reading.lock_chains = ReadLockChains(*chains);
  }
  return ConnectionsSample(reading, clients);
}

/// 1/, 2/, …: samplings of a collector with `top: 2`, each with extension.rows, statements.rows,
/// databases.rows and server.rows, whichever could be read; the page is the last one's.
inline Sample QueriesCase(const CaseFiles& files) {
  StatementTotals totals(2);
  Sample sample;
  for (int i = 1; HasStep(files, i); ++i) {
    const std::string step = std::to_string(i);
    sample = QueriesSample(
        {RowsIfThere(files, step + "/statements.rows"),
         RowsIfThere(files, step + "/databases.rows"), RowsIfThere(files, step + "/server.rows")},
        totals);
    const auto extension = RowsIfThere(files, step + "/extension.rows");
    if (!extension) continue;
    if (const auto read = ReadStatementsExtension(*extension); !read.ok()) {
      sample.errors.push_back(read.error());
    }
  }
  return sample;
}

/// By the collector's stem.
inline const std::map<std::string, Sample (*)(const CaseFiles&)> kPostgresCases{
    {"partitions", &PartitionsCase},
    {"pool", &PoolCase},
    {"queries", &QueriesCase},
    {"replicas", &ReplicasCase}};

}  // namespace tierwatch
