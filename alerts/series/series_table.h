// All series of a store: their labels, their numbers, where their samples are.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "alerts/series/block.h"
#include "alerts/series/column.h"
#include "alerts/series/frame.h"
#include "alerts/series/index.h"
#include "alerts/series/number_set.h"
#include "alerts/series/queryable.h"

namespace tierwatch::series {

inline constexpr SeriesId kNoSeries = NumberSet::kNone;

/// Where a series' samples of its source's batches are.
struct Home {
  static constexpr std::uint32_t kNone = NumberSet::kNone;
  std::uint32_t block = kNone;  // its number in the table
  std::uint32_t column = 0;
};

/// Readers need a shared lock, writers an exclusive one: the store's. A writer calls Change()
/// first, once per lock.
class SeriesTable {
 public:
  static constexpr std::size_t kMaxLabels = 1024;

  /// Counts changes of the set of series. May be asked without a lock.
  std::uint64_t epoch() const { return epoch_.load(std::memory_order_acquire); }
  void Change() { epoch_.store(epoch() + 1, std::memory_order_release); }

  SeriesId Find(LabelPairs labels) const;
  bool Has(SeriesId id) const { return id < entries_.size() && entries_[id].size != kFree; }
  LabelPairs labels(SeriesId id) const;
  Home home(SeriesId id) const { return entries_[id].home; }
  /// Null where the series has no samples outside of its home.
  ColumnPtr column(SeriesId id) const;
  /// The newest sample, wherever it is; nothing where there is none.
  std::optional<Newest> NewestOf(SeriesId id) const;
  bool HasColumn(SeriesId id) const { return columns_.contains(id); }
  /// Null where the number is free.
  const std::shared_ptr<Block>& block(std::uint32_t number) const { return blocks_[number]; }
  std::uint32_t block_limit() const { return static_cast<std::uint32_t>(blocks_.size()); }
  const Index& index() const { return index_; }
  std::size_t size() const { return set_.size(); }
  /// Numbers of series are below; not each of them is one.
  SeriesId limit() const { return static_cast<SeriesId>(entries_.size()); }

  /// The series isn't in the table and has no more than kMaxLabels labels. Sort() is to be called
  /// before the lock is given up.
  SeriesId Add(LabelPairs labels, Home home);
  void Sort() { index_.Sort(); }
  /// Lists that the series is in no longer hold.
  void SetHome(SeriesId id, Home home);
  /// The column of a series that had none, likewise.
  const ColumnPtr& AddColumn(SeriesId id);
  void RemoveColumn(SeriesId id);
  /// After a Change() of its own.
  void Remove(std::span<const SeriesId> ids);
  std::uint32_t AddBlock(std::shared_ptr<Block> block);
  void ReplaceBlock(std::uint32_t number, std::shared_ptr<Block> block);
  void RemoveBlock(std::uint32_t number);
  /// Gives all labels the numbers of another table of texts.
  void Renumber(const std::function<Symbol(Symbol)>& renumbered);

  const std::unordered_map<SeriesId, ColumnPtr>& columns() const { return columns_; }
  std::size_t bytes() const;

 private:
  static constexpr std::uint32_t kFree = NumberSet::kNone;
  static constexpr std::uint32_t kSlabPairs = 1 << 12;
  struct Entry {
    std::uint32_t begin = 0;     // of the labels: slab and place in it
    std::uint32_t size = kFree;  // their number
    Home home;
  };

  std::uint32_t Keep(LabelPairs labels);
  void Compact();
  auto Hasher() const {
    return [this](SeriesId id) { return HashOf(labels(id)); };
  }

  std::atomic<std::uint64_t> epoch_ = 1;
  std::vector<Entry> entries_;
  std::vector<SeriesId> free_;  // descending
  NumberSet set_;               // of ids, by their labels
  std::vector<std::unique_ptr<LabelPair[]>> slabs_;
  std::uint32_t slab_used_ = kSlabPairs;  // of the last one
  std::size_t pairs_ = 0;
  std::size_t garbage_ = 0;  // pairs of removed series
  Index index_;
  std::unordered_map<SeriesId, ColumnPtr> columns_;
  std::vector<std::shared_ptr<Block>> blocks_;  // null where the number is free
  std::vector<std::uint32_t> free_blocks_;
};

}  // namespace tierwatch::series
