#include "collectors/partition_tables.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <unordered_map>

#include "collectors/postgres_source.h"

namespace tierwatch {
namespace {

// {0} is true for a partition that is being detached, {1} for a leaf that was never analysed.
// part_config is pg_partman's.
constexpr std::string_view kOverview = R"(
SELECT extract(epoch FROM clock_timestamp())::float8 AS now, current_database() AS database,
  (SELECT quote_ident(pn.nspname) FROM pg_extension e JOIN pg_namespace pn ON pn.oid = e.extnamespace
    JOIN pg_class pc ON pc.relnamespace = pn.oid AND pc.relname = 'part_config'
    WHERE e.extname = 'pg_partman' AND has_schema_privilege(pn.oid, 'USAGE')
      AND has_table_privilege(pc.oid, 'SELECT')) AS partman_schema,
  pt.partrelid AS oid, up.inhparent AS parent, n.nspname AS schema, p.relname AS "table",
  quote_ident(n.nspname) || '.' || quote_ident(p.relname) AS qualified_name,
  quote_ident(a.attname) AS key_column,
  CASE pt.partstrat WHEN 'r' THEN 'range' WHEN 'l' THEN 'list' WHEN 'h' THEN 'hash' END AS strategy,
  format_type(CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.oid END, NULL) AS key_type,
  g.*, pt.partdefid <> 0 AS has_default,
  CASE WHEN d.relkind IN ('r', 'p') THEN quote_ident(dn.nspname) || '.' || quote_ident(d.relname) END
    AS default_name,
  CASE WHEN d.relkind = 'r' THEN CASE WHEN d.reltuples > 0 OR d.relpages > 0 THEN d.reltuples::float8
    ELSE pg_stat_get_live_tuples(d.oid)::float8 END END AS default_rows,
  CASE WHEN d.relkind = 'r' THEN pg_stat_get_tuples_inserted(d.oid) END AS default_inserts,
  missing.indexes AS missing_indexes
FROM pg_partitioned_table pt
JOIN pg_class p ON p.oid = pt.partrelid
JOIN pg_namespace n ON n.oid = p.relnamespace
LEFT JOIN pg_inherits up ON up.inhrelid = pt.partrelid
LEFT JOIN pg_attribute a ON pt.partnatts = 1 AND a.attrelid = pt.partrelid AND a.attnum = pt.partattrs[0]
  AND a.attnum > 0
LEFT JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_class d ON d.oid = pt.partdefid AND pt.partdefid <> 0
LEFT JOIN pg_namespace dn ON dn.oid = d.relnamespace
LEFT JOIN (
  SELECT inhparent AS of, count(*) FILTER (WHERE NOT pending) AS partitions,
    count(*) FILTER (WHERE relkind = 'p') AS subpartitioned,
    {2} AS detach_pending,
    concat(count(*), '.', sum(relid), '.', sum(class_xmin), '.', sum(inherits_xmin)) AS digest,
    sum(relid) + count(*) AS child_key,
    count(*) FILTER (WHERE relkind = 'r') AS leaves,
    sum(tuples) FILTER (WHERE relkind = 'r') AS rows,
    max(tuples) FILTER (WHERE relkind = 'r') AS largest_rows,
    sum(relpages) FILTER (WHERE relkind = 'r') * current_setting('block_size')::bigint AS bytes,
    max(relpages) FILTER (WHERE relkind = 'r') * current_setting('block_size')::bigint AS largest_bytes,
    count(*) FILTER (WHERE relkind = 'r' AND unanalyzed) AS unanalyzed,
    sum(dead) FILTER (WHERE relkind = 'r') AS dead_rows,
    count(*) FILTER (WHERE relkind = 'r' AND dead >= 1000 AND dead * 2 > tuples) AS bloated,
    count(*) FILTER (WHERE relkind = 'f') AS "foreign",
    sum(pg_stat_get_tuples_inserted(relid::oid)) FILTER (WHERE relkind = 'r') AS inserts
  FROM (
    SELECT i.inhparent, c.oid::bigint AS relid, c.relkind, c.relpages::bigint AS relpages, {0} AS pending,
      c.xmin::text::bigint AS class_xmin, i.xmin::text::bigint AS inherits_xmin,
      CASE WHEN c.reltuples > 0 OR c.relpages > 0 THEN greatest(c.reltuples, 0)::float8
        ELSE pg_stat_get_live_tuples(c.oid)::float8 END AS tuples,
      {1} AS unanalyzed, pg_stat_get_dead_tuples(c.oid) AS dead
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE c.relispartition) leaf
  GROUP BY inhparent) g ON g.of = pt.partrelid
LEFT JOIN (
  SELECT x.indrelid AS of, sum(
    (SELECT count(*) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
      WHERE i.inhparent = x.indrelid AND c.relispartition AND c.relkind IN ('r', 'p') AND NOT {0})
    - (SELECT count(*) FROM pg_inherits i JOIN pg_index child ON child.indexrelid = i.inhrelid
      WHERE i.inhparent = x.indexrelid AND child.indisvalid)) AS indexes
  FROM pg_index x JOIN pg_partitioned_table parent ON parent.partrelid = x.indrelid
  WHERE NOT x.indisvalid GROUP BY 1) missing ON missing.of = pt.partrelid
WHERE p.relpersistence <> 't'
ORDER BY n.nspname, p.relname)";

constexpr std::string_view kBounds =
    "SELECT i.inhparent AS parent, pg_get_expr(c.relpartbound, 0) AS bound "
    "FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
    "WHERE c.relispartition AND i.inhparent IN ({}){}";

std::optional<PartitionedTable> ReadTable(const RowReader& row) {
  const auto oid = row.Unsigned("oid");
  if (!oid || row.Text("table").empty()) return std::nullopt;
  PartitionedTable table;
  table.oid = static_cast<Oid>(*oid);
  table.parent = static_cast<Oid>(row.Unsigned("parent").value_or(0));
  table.schema = row.Text("schema");
  table.name = row.Text("table");
  table.qualified_name = row.Text("qualified_name");
  table.key_column = row.Text("key_column");
  table.strategy = row.Text("strategy");
  table.axis = table.strategy == "range" ? AxisOfType(row.Text("key_type")) : KeyAxis::kUnknown;
  table.partitions = row.Number("partitions").value_or(0);  // no row of partitions: none
  table.subpartitioned = row.Number("subpartitioned").value_or(0);
  table.detach_pending = row.Number("detach_pending");
  table.digest = row.Text("digest");
  table.has_default = row.Flag("has_default").value_or(false);
  table.default_name = row.Text("default_name");
  table.default_rows = row.Number("default_rows");
  table.default_inserts = row.Number("default_inserts");
  table.missing_indexes = std::max(0.0, row.Number("missing_indexes").value_or(0));
  LeafTotals& leaves = table.leaves;
  for (auto [column, value] : {std::pair{"leaves", &leaves.leaves},
                               {"rows", &leaves.rows},
                               {"largest_rows", &leaves.largest_rows},
                               {"bytes", &leaves.bytes},
                               {"largest_bytes", &leaves.largest_bytes},
                               {"unanalyzed", &leaves.unanalyzed},
                               {"dead_rows", &leaves.dead_rows},
                               {"bloated", &leaves.bloated},
                               {"foreign", &leaves.foreign},
                               {"inserts", &leaves.inserts}}) {
    *value = row.Number(column).value_or(0);
  }
  leaves.child_key = row.Unsigned("child_key").value_or(0);
  return table;
}

// Statistics come for direct children; a table of several levels has its leaves further below.
void AddUpwards(std::vector<PartitionedTable>& tables) {
  std::unordered_map<Oid, std::size_t> by_oid;
  for (std::size_t i = 0; i < tables.size(); ++i) by_oid.emplace(tables[i].oid, i);
  const std::vector<PartitionedTable> direct = tables;
  for (const PartitionedTable& table : direct) {
    auto above = by_oid.find(table.parent);
    // A tree has no more levels than tables; rows that form a ring must not hold us.
    for (std::size_t level = 0; above != by_oid.end() && level < direct.size(); ++level) {
      tables[above->second].leaves.Add(table.leaves);
      above = by_oid.find(direct[above->second].parent);
    }
  }
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
  child_key += other.child_key;
}

std::string PartitionOverviewQuery(int version) {
  // Before 14 a leaf without pages is empty or was never analysed: rows in the statistics tell.
  const bool since_14 = version >= 140000;
  return fmt::format(
      fmt::runtime(kOverview), since_14 ? "i.inhdetachpending" : "false",
      since_14 ? "c.reltuples < 0"
               : "c.reltuples = 0 AND c.relpages = 0 AND pg_stat_get_live_tuples(c.oid) > 0",
      since_14 ? "count(*) FILTER (WHERE pending)" : "NULL::bigint");
}

Result<PartitionOverview> ReadPartitionOverview(const Rows& rows) {
  PartitionOverview overview;
  for (std::size_t i = 0; i < rows.rows.size(); ++i) {
    const RowReader row(rows, i);
    auto table = ReadTable(row);
    const auto now = row.Number("now");
    if (!table || !now) {
      return Error{fmt::format("row {} of the partitioned tables makes no sense", i + 1),
                   Reason::kParse};
    }
    overview.now = *now;
    overview.database = row.Text("database");
    overview.partman_schema = row.Text("partman_schema");
    overview.tables.push_back(*std::move(table));
  }
  AddUpwards(overview.tables);
  return overview;
}

std::string PartitionBoundsQuery(int version, const std::vector<Oid>& tables) {
  return fmt::format(fmt::runtime(kBounds), fmt::join(tables, ","),
                     version >= 140000 ? " AND NOT i.inhdetachpending" : "");
}

}  // namespace tierwatch
