// What is known of partitioned tables from one sampling to the next.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "collectors/partition_tables.h"

namespace tierwatch {

/// What outlives a sampling, so that 50,000 unchanged bounds are neither fetched nor parsed again.
/// Not thread-safe.
class PartitionMemory {
 public:
  /// The range-partitioned tables whose bounds are not known as of their digest. Forgets tables
  /// that are gone.
  std::vector<Oid> Outdated(const PartitionOverview& overview);
  /// Takes the rows of PartitionBoundsQuery for `tables`.
  void Learn(const PartitionOverview& overview, const std::vector<Oid>& tables, const Rows& bounds);
  /// Empty where nothing is known for sure.
  std::optional<RangeCoverage> Coverage(Oid table) const;

  /// Rows inserted into all leaves, as a counter that never falls: dropping a partition takes its
  /// inserts out of PostgreSQL's sums, and Prometheus would take that for a reset. While partitions
  /// come or go it stands still.
  double CountInserts(const PartitionedTable& table);

 private:
  struct Known {
    std::string digest;
    std::optional<RangeCoverage> coverage;
  };
  struct Inserts {
    std::uint64_t child_key = 0;
    double seen = 0;   // PostgreSQL's sum at the last sampling
    double total = 0;  // ours
  };
  std::unordered_map<Oid, Known> known_;
  std::unordered_map<Oid, Inserts> inserts_;
};

}  // namespace tierwatch
