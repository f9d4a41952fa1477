// Partitioned tables as the catalogs know them: the queries that read them, and their rows as plain
// data.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "collectors/client/postgres_client.h"
#include "collectors/partition_bound.h"

namespace tierwatch {

using Oid = std::uint32_t;

/// Sums over leaf partitions that are ordinary tables; estimates of PostgreSQL's.
struct LeafTotals {
  double leaves = 0;
  double rows = 0;  // reltuples; live tuples of the statistics for a leaf that was never analysed
  double largest_rows = 0;
  double bytes = 0;  // of the heap, as of the last VACUUM or ANALYZE
  double largest_bytes = 0;
  double unanalyzed = 0;
  double dead_rows = 0;
  double bloated = 0;  // leaves with at least 1,000 dead rows that are over a third of all
  double foreign = 0;  // leaves that are foreign tables: in no other sum
  double inserts = 0;  // since the statistics began, as a counter that never falls
  void Add(const LeafTotals& other);
};

/// A partitioned table of any level.
struct PartitionedTable {
  Oid oid = 0;
  Oid parent = 0;  // 0 at the top
  std::string schema, name;
  std::string qualified_name;  // quoted: schema.table
  std::string key_column;      // quoted; "" where the key is not one column
  std::string strategy;        // "range", "list", "hash"
  KeyAxis axis = KeyAxis::kUnknown;
  double partitions = 0;  // direct ones; those that are being detached count no more
  double subpartitioned = 0;
  std::optional<double> detach_pending;  // from PostgreSQL 14 on
  /// Equal digests mean the same direct partitions with the same bounds: a partition that comes,
  /// goes, is being detached or has another bound has another row of pg_inherits, with an xmin of
  /// its own.
  std::string digest;
  std::optional<LeafTotals> leaves;  // of all levels below: see PartitionLeaves::Sum
  /// Indexes that a direct partition lacks, over all partitions. The parent's own index is invalid
  /// until it has one in each.
  double missing_indexes = 0;
  bool has_default = false;
  Oid default_oid = 0;       // 0 where there is none
  std::string default_name;  // quoted and qualified; "" where it can't be probed (a foreign table)
  // Absent where the default is partitioned itself or is a foreign table.
  std::optional<double> default_rows;     // estimate
  std::optional<double> default_inserts;  // since the statistics began
};

struct PartitionOverview {
  double now = 0;  // the server's clock, Unix seconds
  std::string database;
  std::string partman_schema;  // of pg_partman, quoted; "" where its configuration can't be read
  std::vector<PartitionedTable> tables;
};

/// One row for each partitioned table, from catalogs alone: no lock on any relation of the user's.
std::string PartitionOverviewQuery(int version);
/// Reads its rows. kParse where one makes no sense.
Result<PartitionOverview> ReadPartitionOverview(const Rows& rows);

/// Columns parent, oid, kind (pg_class.relkind) and bound of the direct partitions of the tables
/// named; no bound where one is being detached. `pg_get_expr(…, 0)`: with the relation's own oid it
/// would wait for the relation's lock.
std::string PartitionsQuery(int version, const std::vector<Oid>& tables);

}  // namespace tierwatch
