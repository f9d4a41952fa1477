#include "collectors/partition_probes.h"

#include <fmt/format.h>

#include <set>
#include <string>
#include <utility>

#include "collectors/client/postgres_client.h"
#include "collectors/postgres_source.h"

namespace tierwatch {
namespace {

constexpr Millis kProbeTimeout{500};

// From the highest key known on: the planner then leaves all partitions below it alone.
std::string HighestKeyQuery(const PartitionedTable& table, std::optional<BoundPosition> known) {
  return fmt::format("SELECT max({0})::int8 AS highest FROM {1}{2}", table.key_column,
                     table.qualified_name,
                     known ? fmt::format(" WHERE {} >= {}", table.key_column, *known) : "");
}

std::optional<BoundPosition> ReadHighestKey(const Rows& rows) {
  const auto text = rows.rows.empty() ? std::nullopt : RowReader(rows, 0).Raw("highest");
  if (!text) return std::nullopt;
  return PositionOf(KeyAxis::kInteger, {BoundValue::Kind::kLiteral, *text});
}

// Asks one table after the other for half of the time that is left, so that what comes later gets
// its share.
void AskEach(const std::vector<const PartitionedTable*>& tables, const SampleContext& context,
             std::string_view what, std::vector<Error>& errors,
             const std::function<void(const PartitionedTable&)>& ask) {
  const SteadyTime end = context.clock.Steady() + context.Remaining() / 2;
  std::size_t asked = 0;
  for (; asked < tables.size() && context.clock.Steady() < end; ++asked) ask(*tables[asked]);
  if (asked == tables.size()) return;
  errors.push_back({fmt::format("{} {} not probed: no time left", tables.size() - asked, what),
                    Reason::kTimeout});
}

}  // namespace

void PartitionProbes::Ask(PostgresSession& session, const SampleContext& context,
                          PartitionReading& reading, std::vector<Error>& errors) {
  std::vector<const PartitionedTable*> keys, defaults;
  std::map<Oid, BoundPosition> known;
  for (const PartitionedTable& table : reading.overview.tables) {
    if (table.axis == KeyAxis::kInteger && !table.key_column.empty() &&
        FindByTable(options_.integer_keys, table) == KeyUnit::kValues) {
      keys.push_back(&table);
      if (const auto at = highest_keys_.find(table.oid); at != highest_keys_.end())
        known.insert(*at);
    }
    if (options_.probe_default && !table.default_name.empty()) defaults.push_back(&table);
  }
  highest_keys_ = std::move(known);
  AskEach(keys, context, "highest keys", errors,
          [&](const PartitionedTable& table) { AskHighestKey(session, table, reading); });
  AskEach(defaults, context, "default partitions", errors,
          [&](const PartitionedTable& table) { AskDefault(session, table, reading); });
  TellFailures(session, errors);
}

void PartitionProbes::AskHighestKey(PostgresSession& session, const PartitionedTable& table,
                                    PartitionReading& reading) {
  const auto known = highest_keys_.find(table.oid);
  const bool is_known = known != highest_keys_.end();
  Result<Rows> rows =
      session.Query(HighestKeyQuery(table, is_known ? std::optional(known->second) : std::nullopt),
                    kProbeTimeout);
  if (!rows.ok()) {
    failures_.push_back(
        {table.oid, std::move(rows).error().In("highest key of " + table.qualified_name)});
    return;
  }
  const auto highest = ReadHighestKey(*rows);
  if (highest) highest_keys_[table.oid] = *highest;
  // Nothing from the known one on: rows were removed, and it is sought anew next time.
  if (!highest) highest_keys_.erase(table.oid);
  if (highest || !is_known) reading.highest_keys.emplace(table.oid, highest);
}

void PartitionProbes::AskDefault(PostgresSession& session, const PartitionedTable& table,
                                 PartitionReading& reading) {
  // Not FROM ONLY: of a default that is partitioned itself that would read nothing.
  Result<Rows> rows =
      session.Query(fmt::format("SELECT EXISTS (SELECT 1 FROM {}) AS has_rows", table.default_name),
                    kProbeTimeout);
  if (!rows.ok()) {
    failures_.push_back(
        {table.default_oid, std::move(rows).error().In("default partition " + table.default_name)});
    return;
  }
  const auto answer = rows->rows.empty() ? std::nullopt : RowReader(*rows, 0).Flag("has_rows");
  if (answer) reading.default_has_rows.emplace(table.oid, *answer);
}

// Asked of the catalog, since there are many errors of a table that goes while it is being read.
void PartitionProbes::TellFailures(PostgresSession& session, std::vector<Error>& errors) {
  std::vector<Failure> failures = std::exchange(failures_, {});
  if (failures.empty()) return;
  std::string oids;
  for (const Failure& failure : failures)
    oids += (oids.empty() ? "" : ",") + std::to_string(failure.table);
  const Result<Rows> rows = session.Query("SELECT oid FROM pg_class WHERE oid IN (" + oids + ")");
  std::set<Oid> there;
  for (std::size_t i = 0; rows.ok() && i < rows->rows.size(); ++i)
    there.insert(static_cast<Oid>(RowReader(*rows, i).Unsigned("oid").value_or(0)));
  for (Failure& failure : failures) {
    if (!rows.ok() || there.contains(failure.table)) errors.push_back(std::move(failure.error));
  }
}

}  // namespace tierwatch
