// What partitioned tables' partitions cover, from one sampling to the next.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "collectors/partition_tables.h"

namespace tierwatch {

/// The bounds of 50,000 unchanged partitions are neither fetched nor parsed again. Not thread-safe.
class PartitionMemory {
 public:
  /// The tables whose partitions are not known as of their digest. Forgets tables that are gone.
  std::vector<Oid> Outdated(const PartitionOverview& overview);
  /// Takes the rows of PartitionsQuery for `tables`.
  void Learn(const PartitionOverview& overview, const std::vector<Oid>& tables,
             const Rows& partitions);
  /// Empty where nothing is known for sure.
  std::optional<RangeCoverage> Coverage(Oid table) const;

 private:
  struct Known {
    std::string digest;
    std::optional<RangeCoverage> coverage;
  };
  std::unordered_map<Oid, Known> known_;
};

}  // namespace tierwatch
