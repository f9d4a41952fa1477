#include "collectors/partition_leaves.h"

#include <fmt/format.h>

#include <map>
#include <utility>

#include "collectors/foreign_text.h"
#include "collectors/postgres_source.h"

namespace tierwatch {
namespace {

constexpr std::size_t kMostNamed = 2'000;

constexpr std::string_view kLeaves = R"(
WITH RECURSIVE tree AS (
  SELECT t.partrelid AS oid, t.partrelid AS root FROM pg_partitioned_table t
    WHERE NOT EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = t.partrelid)
  UNION ALL SELECT i.inhrelid, r.root FROM tree r JOIN pg_inherits i ON i.inhparent = r.oid),
leaf AS (
  SELECT c.oid, tree.root, c.relpages,
    CASE WHEN c.relnamespace = root.relnamespace THEN c.relname::text
      ELSE c.relnamespace::regnamespace::text || '.' || c.relname END AS partition,
    CASE WHEN c.reltuples > 0 OR c.relpages > 0 THEN greatest(c.reltuples, 0)::float8
      ELSE pg_stat_get_live_tuples(c.oid)::float8 END AS rows
  FROM tree JOIN pg_class c ON c.oid = tree.oid JOIN pg_class root ON root.oid = tree.root
  WHERE c.relkind = 'r'))";

constexpr std::string_view kTop = R"(
SELECT root AS "table", partition, sum(relpages) * current_setting('block_size')::bigint AS bytes,
  sum(rows) AS rows
FROM (SELECT root, relpages, rows, CASE WHEN
        row_number() OVER (PARTITION BY root ORDER BY relpages DESC, rows DESC, oid) <= {}
      THEN partition END AS partition FROM leaf) ranked
GROUP BY 1, 2 ORDER BY 1, 2)";

}  // namespace

std::string TopLeavesQuery(std::size_t top) {
  return fmt::format("{}{}", kLeaves, fmt::format(kTop, top));
}

Result<std::vector<LeafShare>> ReadTopLeaves(const Rows& rows) {
  std::map<std::pair<Oid, std::string>, LeafShare> shares;
  std::size_t named = 0;
  for (std::size_t i = 0; i < rows.rows.size(); ++i) {
    const RowReader row(rows, i);
    const auto table = row.Unsigned("table");
    const auto bytes = row.Number("bytes");
    const auto tuples = row.Number("rows");
    if (!table || !bytes || !tuples) {
      return Error{fmt::format("row {} of the largest partitions makes no sense", i + 1),
                   Reason::kParse};
    }
    std::string partition(kOtherPartitions);
    if (const auto& name = row.Raw("partition")) partition = LabelText(*name);
    named += partition != kOtherPartitions;
    // A partition may bear the name of the rest; then it is among them.
    LeafShare& share = shares[{static_cast<Oid>(*table), partition}];
    share.table = static_cast<Oid>(*table);
    share.partition = partition;
    share.bytes += *bytes;
    share.rows += *tuples;
  }
  if (named > kMostNamed) {
    return Error{fmt::format("top_partitions would name {} partitions, over the limit of {}", named,
                             kMostNamed),
                 Reason::kLimit};
  }
  std::vector<LeafShare> all;
  all.reserve(shares.size());
  for (auto& [key, share] : shares) all.push_back(std::move(share));
  return all;
}

std::string LeavesQuery() {
  return fmt::format("{} SELECT oid, root AS \"table\", partition FROM leaf ORDER BY 2, 1",
                     kLeaves);
}

}  // namespace tierwatch
