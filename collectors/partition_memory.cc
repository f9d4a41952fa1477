#include "collectors/partition_memory.h"

#include <utility>

#include "collectors/postgres_source.h"

namespace tierwatch {

std::vector<Oid> PartitionMemory::Outdated(const PartitionOverview& overview) {
  std::vector<Oid> outdated;
  std::unordered_map<Oid, Known> still;
  for (const PartitionedTable& table : overview.tables) {
    const auto known = known_.find(table.oid);
    if (known != known_.end() && known->second.digest == table.digest) {
      still.insert(std::move(*known));
    } else {
      outdated.push_back(table.oid);
    }
  }
  known_ = std::move(still);
  return outdated;
}

void PartitionMemory::Learn(const PartitionOverview& overview, const std::vector<Oid>& tables,
                            const Rows& partitions) {
  std::unordered_map<Oid, std::vector<std::string>> bounds;
  for (const Oid table : tables) bounds[table];
  for (std::size_t i = 0; i < partitions.rows.size(); ++i) {
    const RowReader row(partitions, i);
    const auto& bound = row.Raw("bound");
    if (bound) bounds[static_cast<Oid>(row.Unsigned("parent").value_or(0))].push_back(*bound);
  }
  for (const PartitionedTable& table : overview.tables) {
    const auto found = bounds.find(table.oid);
    if (found == bounds.end()) continue;
    Known& known = known_[table.oid];
    known.digest = table.digest;
    known.coverage.reset();
    if (table.axis != KeyAxis::kUnknown) {
      known.coverage = RangeCoverage::Of(table.axis, found->second);
    }
  }
}

std::optional<RangeCoverage> PartitionMemory::Coverage(Oid table) const {
  const auto known = known_.find(table);
  return known == known_.end() ? std::nullopt : known->second.coverage;
}

}  // namespace tierwatch
