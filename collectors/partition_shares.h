// The largest leaves of partitioned tables by name, and the others as one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "collectors/partition_tables.h"

namespace tierwatch {

/// The value of the label `partition` for all leaves of a table that have no name of their own.
inline constexpr std::string_view kOtherPartitions = "other";

/// One leaf of a table at the top of its tree, or all others together.
struct LeafShare {
  Oid table = 0;
  Oid leaf = 0;           // 0: all others
  std::string partition;  // qualified where it lies in another schema than its table
  double bytes = 0;       // of the heap, as of the last VACUUM or ANALYZE
  double rows = 0;
};

/// Columns oid, schema, name and qualified (schema.name, the schema quoted) of the leaves in
/// `shares`; "" where there are none.
std::string LeafNamesQuery(const std::vector<LeafShare>& shares);
/// Names them by its rows. A leaf that has none, or bears the name of the others, joins them.
std::vector<LeafShare> NameLeaves(const std::vector<LeafShare>& shares,
                                  const std::vector<PartitionedTable>& tables, const Rows& names);

}  // namespace tierwatch
