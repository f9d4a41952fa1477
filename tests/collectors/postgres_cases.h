// The golden cases of the PostgreSQL collectors: recorded rows, as psql prints them with
// -A -P footer=off -P null='\N', to a sample.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "collectors/partitions.h"
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

/// overview.rows, bounds.rows, and default.rows: oid|has_rows of the probes that were answered.
inline Sample PartitionsCase(const std::string& folder) {
  Sample sample;
  Result<PartitionOverview> overview =
      ReadPartitionOverview(ParseRows(ReadFile(folder + "/overview.rows")));
  if (!overview.ok()) return Sample::Down(overview.error());
  PartitionMemory memory;
  const std::vector<Oid> outdated = memory.Outdated(*overview);
  if (const auto bounds = RowsIfThere(folder + "/bounds.rows")) {
    memory.Learn(*overview, outdated, *bounds);
  }
  std::map<Oid, bool> has_rows;
  if (const auto probes = RowsIfThere(folder + "/default.rows")) {
    for (std::size_t i = 0; i < probes->rows.size(); ++i) {
      const RowReader row(*probes, i);
      has_rows[static_cast<Oid>(*row.Unsigned("oid"))] = row.Flag("has_rows").value();
    }
  }
  sample.families = PartitionFamilies(*overview, memory, has_rows);
  return sample;
}

/// 1/, 2/, …: samplings 15 s apart, each with primary.rows, senders.rows, slots.rows, replica.rows,
/// whichever could be read; the page is the last one's.
inline Sample ReplicasCase(const std::string& folder) {
  ReplicationView view;
  Sample sample;
  for (int i = 1; std::filesystem::exists(folder + "/" + std::to_string(i)); ++i) {
    const std::string step = folder + "/" + std::to_string(i);
    const SteadyTime at{std::chrono::seconds(15 * i)};
    ReplicationReading reading;
    reading.started = at;
    reading.primary_name = "10.0.0.31:5432";
    reading.expected = 1;
    if (const auto rows = RowsIfThere(step + "/primary.rows")) {
      reading.primary = ReadServerStatus(*rows, at).value();
    }
    if (const auto rows = RowsIfThere(step + "/senders.rows")) reading.senders = ReadSenders(*rows);
    if (const auto rows = RowsIfThere(step + "/slots.rows")) reading.slots = ReadSlots(*rows);
    ReplicationReading::Replica replica{"10.0.0.32:5432", std::nullopt};
    if (const auto rows = RowsIfThere(step + "/replica.rows")) {
      replica.status = ReadServerStatus(*rows, at).value();
    }
    reading.replicas.push_back(std::move(replica));
    sample = view.Judge(reading);
  }
  return sample;
}

/// connections.rows of a PostgreSQL; pools.rows and config.rows of a PgBouncer.
inline Sample PoolCase(const std::string& folder) {
  if (const auto pools = RowsIfThere(folder + "/pools.rows")) {
    return PgBouncerSample(pools, RowsIfThere(folder + "/config.rows"));
  }
  return PoolSample(ParseRows(ReadFile(folder + "/connections.rows")));
}

/// 1/, 2/, …: samplings of a collector with `top: 2`, each with extension.rows, statements.rows and
/// databases.rows, whichever could be read; the page is the last one's.
inline Sample QueriesCase(const std::string& folder) {
  StatementTotals totals(2);
  Sample sample;
  for (int i = 1; std::filesystem::exists(folder + "/" + std::to_string(i)); ++i) {
    const std::string step = folder + "/" + std::to_string(i);
    sample = QueriesSample(
        {RowsIfThere(step + "/statements.rows"), RowsIfThere(step + "/databases.rows")}, totals);
    const auto extension = RowsIfThere(step + "/extension.rows");
    if (!extension) continue;
    if (const auto query = StatementsQuery(*extension); !query.ok()) {
      sample.errors.push_back(query.error());
    }
  }
  return sample;
}

}  // namespace tierwatch
