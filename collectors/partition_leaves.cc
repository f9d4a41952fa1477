#include "collectors/partition_leaves.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <unordered_set>
#include <utility>

#include "collectors/postgres_source.h"

namespace tierwatch {
namespace {

constexpr std::size_t kUnread = 5'000;                   // of one query
constexpr std::size_t kChanging = 1'000, kTurn = 2'000;  // of one sampling; together kTurn
constexpr std::size_t kMostNamed = 2'000;

// {0} is true for a leaf that was never analysed.
constexpr std::string_view kStatistics = R"(
SELECT oid, CASE WHEN reltuples > 0 OR relpages > 0 THEN greatest(reltuples, 0)::float8
    ELSE pg_stat_get_live_tuples(oid)::float8 END AS rows,
  relpages * (SELECT current_setting('block_size')::bigint) AS bytes, {0} AS unanalyzed,
  pg_stat_get_dead_tuples(oid) AS dead_rows, pg_stat_get_tuples_inserted(oid) AS inserts
FROM pg_class WHERE oid IN ({1}))";

}  // namespace

// Rows that form a ring must not hold us.
template <class Visit>
void PartitionLeaves::Upwards(Table* from, Visit visit) const {
  for (std::size_t level = 0; from != nullptr && level <= tables_.size(); ++level) {
    visit(*from);
    from = from->parent;
  }
}

void PartitionLeaves::Begin(const std::vector<PartitionedTable>& tables,
                            const std::vector<Oid>& outdated) {
  ++sampling_;
  turn_taken_ = false;
  std::unordered_set<Oid> there;
  for (const PartitionedTable& table : tables) there.insert(table.oid);
  const auto is_gone = [&there](Oid table) { return !there.contains(table); };
  const auto gone = [&](const auto& known) { return is_gone(known.first); };
  if (std::any_of(tables_.begin(), tables_.end(), gone)) {
    std::erase_if(leaves_, [&](const Leaf& leaf) { return is_gone(leaf.table->oid); });
    std::erase_if(tables_, gone);
  }
  for (const PartitionedTable& table : tables) tables_[table.oid].oid = table.oid;
  for (const PartitionedTable& table : tables) {
    const auto parent = tables_.find(table.parent);
    tables_[table.oid].parent = parent == tables_.end() ? nullptr : &parent->second;
  }
  for (const Oid table : outdated) tables_[table].placed = false;
}

void PartitionLeaves::Place(const std::vector<Oid>& tables, const Rows& rows) {
  for (const Oid oid : tables) {
    tables_[oid].placed = true;
    tables_[oid].foreign = 0;
  }
  const std::unordered_set<Oid> changed(tables.begin(), tables.end());
  std::unordered_map<Oid, Leaf> before;
  std::erase_if(leaves_, [&](const Leaf& leaf) {
    return changed.contains(leaf.table->oid) && before.emplace(leaf.oid, leaf).second;
  });
  for (std::size_t i = 0; i < rows.rows.size(); ++i) {
    const RowReader row(rows, i);
    const auto oid = static_cast<Oid>(row.Unsigned("oid").value_or(0));
    const auto table = tables_.find(static_cast<Oid>(row.Unsigned("parent").value_or(0)));
    if (oid == 0 || table == tables_.end()) continue;
    const std::string kind = row.Text("kind");
    if (kind == "f") ++table->second.foreign;
    if (kind != "r") continue;
    const auto known = before.find(oid);
    const bool stays = known != before.end() && known->second.table == &table->second;
    leaves_.push_back(stays ? known->second : Leaf{.oid = oid, .table = &table->second});
  }
  // A leaf that came from a table which is not placed yet is there twice; it belongs where it is.
  const auto order = [](const Leaf& leaf) { return std::pair(leaf.oid, !leaf.table->placed); };
  std::ranges::sort(leaves_, {}, order);
  const auto twins = std::ranges::unique(leaves_, {}, &Leaf::oid);
  leaves_.erase(twins.begin(), twins.end());
}

std::vector<Oid> PartitionLeaves::Next() {
  std::vector<Oid> batch;
  for (Leaf& leaf : leaves_) {
    if (leaf.read || batch.size() == kUnread) continue;
    leaf.asked = sampling_;
    batch.push_back(leaf.oid);
  }
  if (!batch.empty() || std::exchange(turn_taken_, true)) return batch;
  Take(batch, kChanging, changing_at_, true);
  Take(batch, kTurn, turn_at_, false);
  return batch;
}

void PartitionLeaves::Take(std::vector<Oid>& batch, std::size_t most, std::size_t& at,
                           bool changing) {
  for (std::size_t i = 0; i < leaves_.size() && batch.size() < most; ++i) {
    at = (at + 1) % leaves_.size();
    Leaf& leaf = leaves_[at];
    if (leaf.asked == sampling_ || (changing && !leaf.changing)) continue;
    leaf.asked = sampling_;
    batch.push_back(leaf.oid);
  }
}

PartitionLeaves::Leaf* PartitionLeaves::Find(Oid leaf) {
  const auto at = std::ranges::lower_bound(leaves_, leaf, {}, &Leaf::oid);
  return at == leaves_.end() || at->oid != leaf ? nullptr : &*at;
}

void PartitionLeaves::Learn(const std::vector<Oid>& leaves, const Rows& rows) {
  for (std::size_t i = 0; i < rows.rows.size(); ++i) {
    const RowReader row(rows, i);
    Leaf* leaf = Find(static_cast<Oid>(row.Unsigned("oid").value_or(0)));
    if (leaf == nullptr) continue;
    Leaf now;
    now.rows = row.Number("rows").value_or(0);
    now.dead_rows = row.Number("dead_rows").value_or(0);
    now.bytes = row.Number("bytes").value_or(0);
    now.unanalyzed = row.Flag("unanalyzed").value_or(false);
    now.inserts = row.Counter("inserts").value_or(0);
    Update(*leaf, now);
  }
  for (const Oid oid : leaves) {
    Leaf* leaf = Find(oid);
    if (leaf != nullptr && !leaf->read) Update(*leaf, {});
  }
}

void PartitionLeaves::Update(Leaf& leaf, const Leaf& now) {
  // A lower count: the server's statistics were reset.
  const double more = now.inserts >= leaf.inserts ? now.inserts - leaf.inserts : now.inserts;
  Upwards(leaf.table, [&](Table& table) {
    if (leaf.read || !table.counting) table.inserts += more;
  });
  const auto estimates = [](const Leaf& of) {
    return std::tuple(of.rows, of.dead_rows, of.bytes, of.unanalyzed, of.inserts);
  };
  leaf.changing = leaf.read && estimates(leaf) != estimates(now);
  leaf.read = true;
  leaf.rows = now.rows;
  leaf.dead_rows = now.dead_rows;
  leaf.bytes = now.bytes;
  leaf.unanalyzed = now.unanalyzed;
  leaf.inserts = now.inserts;
}

void PartitionLeaves::Sum(std::vector<PartitionedTable>& tables) {
  for (auto& [oid, table] : tables_) {
    table.known = true;
    table.direct = {.foreign = table.foreign};
  }
  const auto doubt = [](Table& table) { table.known = false; };
  for (const Leaf& leaf : leaves_) {
    if (!leaf.read) Upwards(leaf.table, doubt);
    constexpr double kManyDead = 1'000;
    const bool bloated = leaf.dead_rows >= kManyDead && leaf.dead_rows * 2 > leaf.rows;
    leaf.table->direct.Add({.leaves = 1,
                            .rows = leaf.rows,
                            .largest_rows = leaf.rows,
                            .bytes = leaf.bytes,
                            .largest_bytes = leaf.bytes,
                            .unanalyzed = leaf.unanalyzed ? 1.0 : 0.0,
                            .dead_rows = leaf.dead_rows,
                            .bloated = bloated ? 1.0 : 0.0});
  }
  std::unordered_map<Oid, LeafTotals> sums;
  for (auto& [oid, table] : tables_) {
    if (!table.placed) Upwards(&table, doubt);
    Upwards(&table, [&](const Table& above) { sums[above.oid].Add(table.direct); });
  }
  for (PartitionedTable& table : tables) {
    Table& known = tables_[table.oid];
    if (!known.known) continue;
    known.counting = true;
    table.leaves = sums[table.oid];
    table.leaves->inserts = known.inserts;
  }
}

Result<std::vector<LeafShare>> PartitionLeaves::Top(std::size_t top) const {
  std::map<Oid, std::vector<const Leaf*>> trees;
  for (const Leaf& leaf : leaves_) {
    const Table* root = nullptr;
    Upwards(leaf.table, [&](const Table& table) { root = &table; });
    if (root->known) trees[root->oid].push_back(&leaf);
  }
  std::vector<LeafShare> shares;
  std::size_t named = 0;
  for (auto& [table, leaves] : trees) {
    const std::size_t first = std::min(top, leaves.size());
    std::ranges::partial_sort(
        leaves, leaves.begin() + static_cast<std::ptrdiff_t>(first), {},
        [](const Leaf* leaf) { return std::tuple(-leaf->bytes, -leaf->rows, leaf->oid); });
    named += first;
    LeafShare others{table, 0, std::string(kOtherPartitions)};
    for (std::size_t i = 0; i < leaves.size(); ++i) {
      LeafShare& share =
          i < first ? shares.emplace_back(LeafShare{table, leaves[i]->oid, {}}) : others;
      share.bytes += leaves[i]->bytes;
      share.rows += leaves[i]->rows;
    }
    if (leaves.size() > first) shares.push_back(std::move(others));
  }
  if (named <= kMostNamed) return shares;
  return Error{fmt::format("top_partitions would name {} partitions, over the limit of {}", named,
                           kMostNamed),
               Reason::kLimit};
}

std::string LeafStatisticsQuery(int version, const std::vector<Oid>& leaves) {
  // Before 14 a leaf without pages is empty or was never analysed: rows in the statistics tell.
  return fmt::format(fmt::runtime(kStatistics),
                     version >= 140000
                         ? "reltuples < 0"
                         : "reltuples = 0 AND relpages = 0 AND pg_stat_get_live_tuples(oid) > 0",
                     fmt::join(leaves, ","));
}

}  // namespace tierwatch
