// The leaves of partitioned tables and what PostgreSQL estimates of them, from one sampling to the
// next.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "collectors/partition_shares.h"
#include "collectors/partition_tables.h"

namespace tierwatch {

/// Reading the statistics of 50,000 leaves costs the server a quarter of a second, so one sampling
/// reads those of a bounded number: all that are new; of the others first those that changed
/// between their last two readings, then the next in turn. Up to 2,000 leaves are all read each
/// time. Not thread-safe; asks nothing itself.
class PartitionLeaves {
 public:
  PartitionLeaves() = default;
  PartitionLeaves(const PartitionLeaves&) = delete;
  PartitionLeaves& operator=(const PartitionLeaves&) = delete;

  /// Begins a sampling of `tables`: of a tree all, or from some table downwards all. Others are
  /// forgotten. Of the `outdated` nothing is known until Place.
  void Begin(const std::vector<PartitionedTable>& tables, const std::vector<Oid>& outdated);
  /// Takes the rows of PartitionsQuery for `tables`. What is known of a leaf that stays is kept.
  void Place(const std::vector<Oid>& tables, const Rows& rows);

  /// The leaves to ask LeafStatisticsQuery for now; none where this sampling has read enough.
  std::vector<Oid> Next();
  /// Its rows for `leaves`. A new leaf without a row was dropped meanwhile and counts as empty.
  void Learn(const std::vector<Oid>& leaves, const Rows& rows);

  /// Gives each of the tables the sums over all leaves below it; none where one is not known.
  void Sum(std::vector<PartitionedTable>& tables);
  /// The `top` largest leaves below each table that has none above it, without their names, and the
  /// others as one, as of the last Sum. kLimit where more than 2,000 leaves would have names.
  Result<std::vector<LeafShare>> Top(std::size_t top) const;

 private:
  struct Table {
    Oid oid = 0;
    Table* parent = nullptr;
    bool placed = false;
    bool known = false;     // at the last Sum
    bool counting = false;  // was known once: the inserts of a leaf that comes now are none of ours
    double foreign = 0;     // direct ones
    double inserts = 0;     // into all leaves below
    LeafTotals direct;      // at the last Sum
  };
  struct Leaf {
    Oid oid = 0;
    std::uint32_t asked = 0;  // the sampling that asked for it last
    Table* table = nullptr;
    bool read = false, changing = false, unanalyzed = false;
    double rows = 0, dead_rows = 0, bytes = 0, inserts = 0;
  };

  void Take(std::vector<Oid>& batch, std::size_t most, std::size_t& at, bool changing);
  Leaf* Find(Oid leaf);
  void Update(Leaf& leaf, const Leaf& now);
  template <class Visit>
  void Upwards(Table* from, Visit visit) const;

  std::unordered_map<Oid, Table> tables_;
  std::vector<Leaf> leaves_;  // by oid
  std::uint32_t sampling_ = 0;
  bool turn_taken_ = false;                    // in this sampling
  std::size_t changing_at_ = 0, turn_at_ = 0;  // where the last sampling ended in leaves_
};

/// Of ordinary tables: columns oid, rows, dead_rows, bytes, unanalyzed, inserts. Catalogs and
/// statistics alone: no lock on any relation of the user's.
std::string LeafStatisticsQuery(int version, const std::vector<Oid>& leaves);

}  // namespace tierwatch
