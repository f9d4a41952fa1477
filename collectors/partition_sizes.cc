#include "collectors/partition_sizes.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "collectors/partition_shares.h"
#include "collectors/postgres_source.h"

namespace tierwatch {
namespace {

constexpr std::size_t kBatch = 200;

constexpr const char* kLeaves = R"(
WITH RECURSIVE tree AS (
  SELECT t.partrelid AS oid, t.partrelid AS root FROM pg_partitioned_table t
    WHERE NOT EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = t.partrelid)
  UNION ALL SELECT i.inhrelid, r.root FROM tree r JOIN pg_inherits i ON i.inhparent = r.oid)
SELECT c.oid, tree.root AS "table",
  CASE WHEN c.relnamespace = root.relnamespace THEN c.relname::text
    ELSE c.relnamespace::regnamespace::text || '.' || c.relname END AS partition
FROM tree JOIN pg_class c ON c.oid = tree.oid JOIN pg_class root ON root.oid = tree.root
WHERE c.relkind = 'r' ORDER BY 2, 1)";

// Locks that are granted and those that are waited for: who comes later waits behind both.
constexpr std::string_view kSizes =
    "SELECT c.oid, CASE WHEN c.oid NOT IN (SELECT relation FROM pg_locks WHERE locktype = "
    "'relation' AND relation IS NOT NULL AND mode = 'AccessExclusiveLock') "
    "THEN pg_total_relation_size(c.oid) END AS bytes FROM pg_class c WHERE c.oid IN ({})";

}  // namespace

std::string PartitionSizes::NextQuery(SteadyTime now) const {
  if (leaves_.empty()) return now >= due_ ? kLeaves : "";
  std::string oids;
  for (std::size_t i = next_; i < std::min(leaves_.size(), next_ + batch_); ++i) {
    oids += (oids.empty() ? "" : ",") + std::to_string(leaves_[i].oid);
  }
  return fmt::format(kSizes, oids);
}

void PartitionSizes::Begin(const Rows& rows, SteadyTime now) {
  due_ = now + interval_;
  next_ = 0;
  batch_ = kBatch;
  bytes_.clear();
  for (std::size_t i = 0; i < rows.rows.size(); ++i) {
    const RowReader row(rows, i);
    const auto oid = row.Unsigned("oid"), table = row.Unsigned("table");
    if (!oid || !table) continue;
    leaves_.push_back({static_cast<Oid>(*oid), static_cast<Oid>(*table), row.Label("partition")});
  }
}

// What it had, or that nobody knows.
void PartitionSizes::Keep(Oid leaf) {
  const auto known = before_.find(leaf);
  bytes_[leaf] = known != before_.end() ? known->second : std::nullopt;
}

void PartitionSizes::Learn(const Rows& rows, SteadyTime now, double server_now) {
  if (leaves_.empty()) {
    Begin(rows, now);
  } else {
    for (std::size_t i = 0; i < rows.rows.size(); ++i) {
      const RowReader row(rows, i);
      const auto oid = row.Unsigned("oid");
      if (!oid) continue;
      if (const auto bytes = row.Number("bytes")) {
        bytes_[static_cast<Oid>(*oid)] = *bytes;
      } else {
        Keep(static_cast<Oid>(*oid));
      }
    }
    next_ = std::min(leaves_.size(), next_ + batch_);
    batch_ = std::min(kBatch, batch_ * 2);
  }
  FinishIfDone(server_now);
}

void PartitionSizes::Fail(SteadyTime now, double server_now) {
  if (leaves_.empty()) {
    due_ = now + interval_;
    return;
  }
  if (batch_ > 1) {
    batch_ /= 2;
    return;
  }
  Keep(leaves_[next_++].oid);
  FinishIfDone(server_now);
}

// A leaf that is not in bytes_ was dropped meanwhile.
void PartitionSizes::FinishIfDone(double server_now) {
  if (next_ < leaves_.size()) return;
  std::unordered_map<Oid, std::vector<std::pair<double, const Leaf*>>> ranking;
  tables_.clear();
  for (const Leaf& leaf : leaves_) {
    const auto found = bytes_.find(leaf.oid);
    if (found == bytes_.end()) continue;
    TableSizes& table = tables_[leaf.table];
    table.whole = table.whole && found->second.has_value();
    table.bytes += found->second.value_or(0);
    if (top_ > 0) ranking[leaf.table].emplace_back(found->second.value_or(0), &leaf);
  }
  for (auto& [table, sizes] : ranking) {
    std::sort(sizes.begin(), sizes.end(), [](const auto& a, const auto& b) {
      return std::pair(-a.first, a.second->oid) < std::pair(-b.first, b.second->oid);
    });
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      const auto& [bytes, leaf] = sizes[i];
      tables_[table].top[i < top_ ? leaf->partition : std::string(kOtherPartitions)] += bytes;
    }
  }
  before_ = std::exchange(bytes_, {});
  leaves_.clear();
  leaves_.shrink_to_fit();
  next_ = 0;
  measured_ = server_now;
}

}  // namespace tierwatch
