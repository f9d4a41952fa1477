#include "collectors/partition_memory.h"

#include <algorithm>
#include <utility>

#include "collectors/postgres_source.h"

namespace tierwatch {

std::vector<Oid> PartitionMemory::Outdated(const PartitionOverview& overview) {
  std::vector<Oid> outdated;
  std::unordered_map<Oid, Known> still;
  std::unordered_map<Oid, Inserts> inserts;
  for (const PartitionedTable& table : overview.tables) {
    if (const auto at = inserts_.find(table.oid); at != inserts_.end()) inserts.insert(*at);
    if (table.axis == KeyAxis::kUnknown) continue;
    const auto known = known_.find(table.oid);
    if (known != known_.end() && known->second.digest == table.digest) {
      still.insert(std::move(*known));
    } else {
      outdated.push_back(table.oid);
    }
  }
  known_ = std::move(still);
  inserts_ = std::move(inserts);
  return outdated;
}

void PartitionMemory::Learn(const PartitionOverview& overview, const std::vector<Oid>& tables,
                            const Rows& bounds) {
  std::unordered_map<Oid, std::vector<std::string>> texts;
  for (std::size_t i = 0; i < bounds.rows.size(); ++i) {
    const RowReader row(bounds, i);
    const auto parent = static_cast<Oid>(row.Unsigned("parent").value_or(0));
    texts[parent].push_back(row.Text("bound"));
  }
  for (const PartitionedTable& table : overview.tables) {
    if (std::find(tables.begin(), tables.end(), table.oid) == tables.end()) continue;
    known_[table.oid] = {table.digest, RangeCoverage::Of(table.axis, texts[table.oid])};
  }
}

std::optional<RangeCoverage> PartitionMemory::Coverage(Oid table) const {
  const auto known = known_.find(table);
  return known == known_.end() ? std::nullopt : known->second.coverage;
}

double PartitionMemory::CountInserts(const PartitionedTable& table) {
  const auto [at, first] = inserts_.try_emplace(table.oid);
  Inserts& inserts = at->second;
  const double sum = table.leaves.inserts;
  if (first) {
    inserts.total = sum;
  } else if (inserts.child_key == table.leaves.child_key) {
    // A lower sum over the same partitions: the server's statistics were reset.
    inserts.total += sum >= inserts.seen ? sum - inserts.seen : sum;
  }
  inserts.child_key = table.leaves.child_key;
  inserts.seen = sum;
  return inserts.total;
}

}  // namespace tierwatch
