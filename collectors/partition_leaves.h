// The leaves of partitioned tables by size: the largest by name, the rest as one.
#pragma once

#include <cstddef>
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
  std::string partition;  // qualified where it lies in another schema than its table
  double bytes = 0;       // of the heap, as of the last VACUUM or ANALYZE
  double rows = 0;
};

/// Catalogs alone, no lock on any relation of the user's: a row for each of the `top` largest
/// leaves of each table, and one for the rest.
std::string TopLeavesQuery(std::size_t top);
/// kLimit where more than 2,000 leaves would have names; kParse where a row makes no sense.
Result<std::vector<LeafShare>> ReadTopLeaves(const Rows& rows);

/// Columns oid, table (at the top) and partition of all leaves that are ordinary tables.
std::string LeavesQuery();

}  // namespace tierwatch
