#include "collectors/partition_tables.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <unordered_map>
#include <utility>

#include "collectors/postgres_source.h"

namespace tierwatch {
namespace {

// {0} is true for a partition that is being detached, {1} counts those. part_config is
// pg_partman's. What hangs on one table is asked for by that table's oid: with the statistics of
// the catalogs out of date, as they are where autovacuum is off, joins of whole catalogs cost ten
// times as much.
constexpr std::string_view kOverview = R"(
SELECT extract(epoch FROM clock_timestamp())::float8 AS now, current_database() AS database,
  (SELECT quote_ident(pn.nspname) FROM pg_extension e JOIN pg_namespace pn ON pn.oid = e.extnamespace
    JOIN pg_class pc ON pc.relnamespace = pn.oid AND pc.relname = 'part_config'
    WHERE e.extname = 'pg_partman' AND has_schema_privilege(pn.oid, 'USAGE')
      AND has_table_privilege(pc.oid, 'SELECT')) AS partman_schema,
  pt.partrelid AS oid, (SELECT up.inhparent FROM pg_inherits up WHERE up.inhrelid = pt.partrelid LIMIT 1) AS parent,
  n.nspname AS schema, p.relname AS "table",
  quote_ident(n.nspname) || '.' || quote_ident(p.relname) AS qualified_name,
  quote_ident(a.attname) AS key_column,
  CASE pt.partstrat WHEN 'r' THEN 'range' WHEN 'l' THEN 'list' WHEN 'h' THEN 'hash' END AS strategy,
  format_type(CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.oid END, NULL) AS key_type,
  g.*, pt.partdefid <> 0 AS has_default, pt.partdefid AS default_oid,
  CASE WHEN d.relkind IN ('r', 'p') THEN quote_ident(dn.nspname) || '.' || quote_ident(d.relname) END
    AS default_name,
  CASE WHEN d.relkind = 'r' THEN CASE WHEN d.reltuples > 0 OR d.relpages > 0 THEN d.reltuples::float8
    ELSE pg_stat_get_live_tuples(d.oid)::float8 END END AS default_rows,
  CASE WHEN d.relkind = 'r' THEN pg_stat_get_tuples_inserted(d.oid) END AS default_inserts,
  (SELECT sum(
    (SELECT count(*) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
      WHERE i.inhparent = x.indrelid AND c.relkind IN ('r', 'p') AND NOT {0})
    - (SELECT count(*) FROM pg_inherits i JOIN pg_index child ON child.indexrelid = i.inhrelid
      WHERE i.inhparent = x.indexrelid AND child.indisvalid))
    FROM pg_index x WHERE x.indrelid = pt.partrelid AND NOT x.indisvalid) AS missing_indexes
FROM pg_partitioned_table pt
JOIN pg_class p ON p.oid = pt.partrelid
JOIN pg_namespace n ON n.oid = p.relnamespace
CROSS JOIN LATERAL (
  SELECT count(*) FILTER (WHERE NOT {0}) AS partitions, {1} AS detach_pending,
    concat(count(*), '.', sum(i.inhrelid::bigint), '.', sum(i.xmin::text::bigint)) AS digest
  FROM pg_inherits i WHERE i.inhparent = pt.partrelid) g
LEFT JOIN pg_attribute a ON pt.partnatts = 1 AND a.attrelid = pt.partrelid AND a.attnum = pt.partattrs[0]
  AND a.attnum > 0
LEFT JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_class d ON d.oid = pt.partdefid AND pt.partdefid <> 0
LEFT JOIN pg_namespace dn ON dn.oid = d.relnamespace
WHERE p.relpersistence <> 't'
ORDER BY n.nspname, p.relname)";

constexpr std::string_view kPartitions =
    "SELECT i.inhparent AS parent, i.inhrelid AS oid, c.relkind AS kind, "
    "CASE WHEN NOT {} THEN pg_get_expr(c.relpartbound, 0) END AS bound "
    "FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent IN ({})";

std::string_view IsDetaching(int version) {
  return version >= 140000 ? "i.inhdetachpending" : "false";
}

std::optional<PartitionedTable> ReadTable(const RowReader& row) {
  const auto oid = row.Unsigned("oid");
  if (!oid || row.Text("table").empty()) return std::nullopt;
  PartitionedTable table;
  table.oid = static_cast<Oid>(*oid);
  table.parent = static_cast<Oid>(row.Unsigned("parent").value_or(0));
  table.schema = row.Label("schema");
  table.name = row.Label("table");
  table.qualified_name = row.Text("qualified_name");
  table.key_column = row.Text("key_column");
  table.strategy = row.Label("strategy");
  table.axis = table.strategy == "range" ? AxisOfType(row.Text("key_type")) : KeyAxis::kUnknown;
  table.partitions = row.Number("partitions").value_or(0);
  table.detach_pending = row.Number("detach_pending");
  table.digest = row.Text("digest");
  table.has_default = row.Flag("has_default").value_or(false);
  table.default_oid = static_cast<Oid>(row.Unsigned("default_oid").value_or(0));
  table.default_name = row.Text("default_name");
  table.default_rows = row.Number("default_rows");
  table.default_inserts = row.Counter("default_inserts");
  table.missing_indexes = std::max(0.0, row.Number("missing_indexes").value_or(0));
  return table;
}

void CountSubpartitioned(std::vector<PartitionedTable>& tables) {
  std::unordered_map<Oid, double> below;
  for (const PartitionedTable& table : tables) ++below[table.parent];
  for (PartitionedTable& table : tables) table.subpartitioned = below[table.oid];
}

}  // namespace

void LeafTotals::Add(const LeafTotals& other) {
  leaves += other.leaves;
  rows += other.rows;
  largest_rows = std::max(largest_rows, other.largest_rows);
  bytes += other.bytes;
  largest_bytes = std::max(largest_bytes, other.largest_bytes);
  unanalyzed += other.unanalyzed;
  dead_rows += other.dead_rows;
  bloated += other.bloated;
  foreign += other.foreign;
  inserts += other.inserts;
}

std::string PartitionOverviewQuery(int version) {
  return fmt::format(
      fmt::runtime(kOverview), IsDetaching(version),
      version >= 140000 ? "count(*) FILTER (WHERE i.inhdetachpending)" : "NULL::bigint");
}

Result<PartitionOverview> ReadPartitionOverview(const Rows& rows) {
  PartitionOverview overview;
  std::set<std::pair<std::string, std::string>> seen;
  for (std::size_t i = 0; i < rows.rows.size(); ++i) {
    const RowReader row(rows, i);
    auto table = ReadTable(row);
    const auto now = row.Number("now");
    if (!table || !now || !seen.emplace(table->schema, table->name).second) {
      return Error{fmt::format("row {} of the partitioned tables makes no sense", i + 1),
                   Reason::kParse};
    }
    overview.now = *now;
    overview.database = row.Label("database");
    overview.partman_schema = row.Text("partman_schema");
    overview.tables.push_back(*std::move(table));
  }
  CountSubpartitioned(overview.tables);
  return overview;
}

std::string PartitionsQuery(int version, const std::vector<Oid>& tables) {
  return fmt::format(kPartitions, IsDetaching(version), fmt::join(tables, ","));
}

}  // namespace tierwatch
