// The float samples of one source: a row per sampling, a column per series. New rows lie open, old
// ones are packed.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "alerts/series/queryable.h"
#include "alerts/series/sealed_chunk.h"
#include "base/clock.h"

namespace tierwatch::series {

/// Rows that lie open, one behind the other: `stride` cells each, gaps where there is no sample.
/// The writer adds rows and then raises `count`; rows below it never change.
struct TailChunk {
  static constexpr std::uint32_t kRows = 8;
  struct Row {
    TimestampMs time = 0;
    std::uint64_t commit = 0;
    std::uint32_t samples = 0;
  };

  TailChunk(std::uint32_t first, std::uint32_t width);
  std::span<double> cells(std::size_t row) { return {values.get() + row * stride, stride}; }
  std::span<const double> cells(std::size_t row) const {
    return {values.get() + row * stride, stride};
  }
  std::size_t bytes() const { return sizeof *this + sizeof(double) * stride * kRows; }

  const std::uint32_t first_row;  // its number in the block
  const std::uint32_t stride;
  std::array<Row, kRows> rows;
  std::unique_ptr<double[]> values;
  std::atomic<std::uint32_t> count = 0;
};

/// The newest row of each column in which its value fell or was no number (see MatrixPart).
using BreakRows = std::shared_ptr<std::atomic<std::uint32_t>[]>;

/// What a block consists of; never changes but for rows behind the last one.
struct BlockLayout {
  std::vector<SealedChunkPtr> sealed;            // oldest first
  std::vector<std::shared_ptr<TailChunk>> tail;  // after them
  BreakRows breaks;
  std::size_t breaks_size = 0;                                    // columns beyond have no row yet
  TimestampMs horizon = std::numeric_limits<TimestampMs>::min();  // rows before it are not shown
};
using BlockLayoutPtr = std::shared_ptr<const BlockLayout>;

/// All rows that are shown to whoever asks for `commit`, packed.
std::vector<SealedChunkPtr> PackedRows(const BlockLayout& layout, std::uint64_t commit);

/// Anyone may call layout() and bytes() at any time. All else is the writer's: whoever holds the
/// lock of the source.
class Block {
 public:
  static constexpr std::uint32_t kLive = std::numeric_limits<std::uint32_t>::max();
  static constexpr SeriesId kForgotten = std::numeric_limits<SeriesId>::max();

  Block();
  BlockLayoutPtr layout() const;

  std::uint32_t columns() const { return static_cast<std::uint32_t>(ids_.size()); }
  std::uint32_t live_columns() const { return live_; }
  /// Whose series it is, or kForgotten.
  SeriesId id(std::uint32_t column) const { return ids_[column]; }
  /// The new column is live and begins with the next row.
  std::uint32_t AddColumn(SeriesId id);
  /// The column's last sample is in row `last_row`; kLive: it has more to come.
  void SetLastRow(std::uint32_t column, std::uint32_t last_row);
  bool IsLive(std::uint32_t column) const { return last_row_[column] == kLive; }
  std::uint32_t next_row() const { return next_row_; }
  /// The newest row's time, even if it was dropped; the least time before the first row.
  TimestampMs last_time() const { return last_time_; }

  /// Room for a row after last_time(): as many cells as there are columns, to be filled in all.
  std::span<double> StartRow(TimestampMs time);
  /// The row holds `samples` samples. Nobody sees it yet.
  void FinishRow(std::uint32_t samples);
  /// Shows the finished row to whoever asks for `commit` or a later one.
  void Commit(std::uint64_t commit);
  /// Packs rows that the tail has no need of, or all of them.
  void Settle(bool all = false);
  /// All rows are `by` ms later than they were.
  void ShiftTimes(TimestampMs by);
  /// Drops rows before `horizon`; the number of samples that are gone.
  std::uint64_t DropBefore(TimestampMs horizon);
  /// Forgets the columns that have no row left and appends their series to `ids`.
  void Forget(std::vector<SeriesId>& ids);
  /// A block of the same rows without forgotten columns.
  std::shared_ptr<Block> WithoutForgotten() const;
  /// Takes over what a snapshot kept.
  void Restore(std::vector<SealedChunkPtr> sealed, std::span<const SeriesId> ids);

  /// The column's newest sample; nothing where it has none.
  std::optional<series::Newest> Newest(std::uint32_t column) const;
  /// The oldest row's time; nothing where there is no row.
  std::optional<TimestampMs> Oldest() const;

  std::size_t tail_bytes() const { return tail_bytes_.load(std::memory_order_relaxed); }
  std::size_t sealed_bytes() const { return sealed_bytes_.load(std::memory_order_relaxed); }
  std::uint64_t sealed_samples() const { return sealed_samples_.load(std::memory_order_relaxed); }

 private:
  void SetLayout(BlockLayout layout);
  TailChunk& ChunkWithRoom();
  void GrowBreaks();
  void NoteBreaks(std::span<const double> row);

  mutable std::mutex mutex_;  // held to copy the pointer, no longer
  BlockLayoutPtr layout_;
  std::atomic<std::size_t> tail_bytes_ = 0;
  std::atomic<std::size_t> sealed_bytes_ = 0;
  std::atomic<std::uint64_t> sealed_samples_ = 0;

  std::vector<SeriesId> ids_;            // by column
  std::vector<std::uint32_t> last_row_;  // by column
  std::uint32_t live_ = 0;
  std::uint32_t next_row_ = 1;
  TimestampMs last_time_ = std::numeric_limits<TimestampMs>::min();
  bool grew_ = false;  // columns came after the first row: leave room for more
  BreakRows breaks_;
  std::size_t breaks_size_ = 0;
  std::shared_ptr<TailChunk> filling_;  // the newest of the tail; null where it takes no more
  std::span<const double> before_;      // the newest row, where it is in the tail
  bool started_ = false;                // a row is being filled that nobody sees
};

}  // namespace tierwatch::series
