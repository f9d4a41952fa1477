#include "alerts/series/block.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>

namespace tierwatch::series {

TailChunk::TailChunk(std::uint32_t first, std::uint32_t width)
    : first_row(first),
      stride(width),
      values(std::make_unique_for_overwrite<double[]>(std::size_t{width} * kRows)) {}

Block::Block() : layout_(std::make_shared<const BlockLayout>()) {}

BlockLayoutPtr Block::layout() const {
  const std::lock_guard lock(mutex_);
  return layout_;
}

void Block::SetLayout(BlockLayout layout) {
  std::size_t tail = sizeof(Block) + ids_.capacity() * (sizeof(SeriesId) + sizeof(std::uint32_t)) +
                     breaks_size_ * sizeof(std::uint32_t);
  for (const auto& chunk : layout.tail) tail += chunk->bytes();
  std::size_t sealed = 0;
  std::uint64_t samples = 0;
  for (const SealedChunkPtr& chunk : layout.sealed) {
    sealed += chunk->bytes();
    samples += chunk->about().samples;
  }
  tail_bytes_.store(tail, std::memory_order_relaxed);
  sealed_bytes_.store(sealed, std::memory_order_relaxed);
  sealed_samples_.store(samples, std::memory_order_relaxed);
  layout.breaks = breaks_;
  layout.breaks_size = breaks_size_;
  auto fresh = std::make_shared<const BlockLayout>(std::move(layout));
  const std::lock_guard lock(mutex_);
  layout_.swap(
      fresh);  // the former one is destroyed by whoever lets go of it last, not in the lock
}

std::uint32_t Block::AddColumn(SeriesId id) {
  const std::uint32_t column = columns();
  grew_ = grew_ || next_row_ > 1;
  if (ids_.size() == ids_.capacity()) {
    const std::size_t room = grew_ ? ids_.size() + ids_.size() / 8 + 4 : ids_.size() * 2 + 4;
    ids_.reserve(room);
    last_row_.reserve(room);
  }
  ids_.push_back(id);
  last_row_.push_back(kLive);
  ++live_;
  return column;
}

void Block::SetLastRow(std::uint32_t column, std::uint32_t last_row) {
  const bool was_live = last_row_[column] == kLive, is_live = last_row == kLive;
  live_ = live_ - (was_live ? 1 : 0) + (is_live ? 1 : 0);
  last_row_[column] = last_row;
}

void Block::GrowBreaks() {
  const std::size_t size = grew_ ? columns() + columns() / 8 + 4 : columns();
  BreakRows grown(new std::atomic<std::uint32_t>[size]);
  for (std::size_t i = 0; i < size; ++i) {
    // A column that is yet to come had no number in the row before its first one.
    const std::uint32_t row =
        i < breaks_size_ ? breaks_[i].load(std::memory_order_relaxed) : next_row_ - 1;
    grown[i].store(row, std::memory_order_relaxed);
  }
  breaks_ = std::move(grown);
  breaks_size_ = size;
}

TailChunk& Block::ChunkWithRoom() {
  const bool fits = filling_ && filling_->stride >= columns() &&
                    filling_->count.load(std::memory_order_relaxed) < TailChunk::kRows;
  if (fits && breaks_size_ >= columns()) return *filling_;
  if (breaks_size_ < columns()) GrowBreaks();
  BlockLayout grown = *layout();
  if (!fits) {
    const std::uint32_t room = grew_ ? columns() / 8 + 4 : 0;
    filling_ = std::make_shared<TailChunk>(next_row_, columns() + room);
    grown.tail.push_back(filling_);
  }
  SetLayout(std::move(grown));
  return *filling_;
}

std::span<double> Block::StartRow(TimestampMs time) {
  assert(time > last_time_ && !started_);
  TailChunk& chunk = ChunkWithRoom();
  const std::uint32_t row = chunk.count.load(std::memory_order_relaxed);
  chunk.rows[row].time = time;
  const std::span<double> cells = chunk.cells(row);
  std::fill(cells.begin() + columns(), cells.end(), std::bit_cast<double>(kGapBits));
  started_ = true;
  return cells.first(columns());
}

void Block::NoteBreaks(std::span<const double> row) {
  const std::size_t known = std::min(row.size(), before_.size());
  for (std::size_t i = 0; i < known; ++i) {
    // False for what is no number too. Where the row before had none, that is noted already.
    if (row[i] >= before_[i]) continue;
    if (std::isnan(row[i]) || !std::isnan(before_[i]))
      breaks_[i].store(next_row_, std::memory_order_relaxed);
  }
  for (std::size_t i = known; i < row.size(); ++i) {
    breaks_[i].store(std::isnan(row[i]) ? next_row_ : next_row_ - 1, std::memory_order_relaxed);
  }
}

void Block::FinishRow(std::uint32_t samples) {
  assert(started_);
  const std::uint32_t row = filling_->count.load(std::memory_order_relaxed);
  filling_->rows[row].samples = samples;
  const std::span<const double> cells = filling_->cells(row).first(columns());
  NoteBreaks(cells);
  before_ = cells;
}

void Block::Commit(std::uint64_t commit) {
  assert(started_);
  const std::uint32_t row = filling_->count.load(std::memory_order_relaxed);
  filling_->rows[row].commit = commit;
  last_time_ = filling_->rows[row].time;
  ++next_row_;
  started_ = false;
  filling_->count.store(row + 1, std::memory_order_release);
}

std::optional<Newest> Block::Newest(std::uint32_t column) const {
  const BlockLayoutPtr layout = this->layout();
  for (auto chunk = layout->tail.rbegin(); chunk != layout->tail.rend(); ++chunk) {
    for (std::uint32_t row = (*chunk)->count.load(std::memory_order_acquire); row-- > 0;) {
      if (column < (*chunk)->stride && !IsGap((*chunk)->cells(row)[column]))
        return series::Newest{(*chunk)->rows[row].time, (*chunk)->cells(row)[column]};
    }
  }
  std::array<double, kMaxRun> values;
  std::array<TimestampMs, kMaxRun> times;
  for (auto chunk = layout->sealed.rbegin(); chunk != layout->sealed.rend(); ++chunk) {
    if (!(*chunk)->Has(column)) continue;
    (*chunk)->Read(column, {values.data(), (*chunk)->rows()});
    (*chunk)->Times(times);
    std::size_t row = (*chunk)->rows();
    while (IsGap(values[row - 1])) --row;
    return series::Newest{times[row - 1], values[row - 1]};
  }
  return std::nullopt;
}

std::optional<TimestampMs> Block::Oldest() const {
  const BlockLayoutPtr layout = this->layout();
  if (!layout->sealed.empty())
    return std::max(layout->horizon, layout->sealed.front()->about().first_time);
  for (const auto& chunk : layout->tail) {
    const std::uint32_t count = chunk->count.load(std::memory_order_acquire);
    for (std::uint32_t row = 0; row < count; ++row) {
      if (chunk->rows[row].time >= layout->horizon) return chunk->rows[row].time;
    }
  }
  return std::nullopt;
}

}  // namespace tierwatch::series
