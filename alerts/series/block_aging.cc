// How rows of a block grow old: packed, merged, dropped; and what becomes of their columns.
#include <algorithm>
#include <array>
#include <bit>
#include <cassert>

#include "alerts/series/block.h"

namespace tierwatch::series {
namespace {

// What windows of five minutes read lies open, if that are not too many rows.
constexpr TimestampMs kTailSpan = 320'000;
constexpr std::size_t kMaxTailRows = 64;
// Packed chunks are merged into ones of that many rows, and these again: more rows pack better.
constexpr std::size_t kTiers[] = {64, 128};
// And no more than that many wait for it.
constexpr std::size_t kMaxSmall = 16;

std::uint32_t CountOf(const TailChunk& chunk) {
  return chunk.count.load(std::memory_order_acquire);
}

// The oldest chunk of the tail isn't needed for windows that end now.
bool IsSpare(const BlockLayout& layout, TimestampMs last_time) {
  if (layout.tail.size() < 2) return false;
  std::size_t others = 0;
  for (const auto& chunk : layout.tail) others += CountOf(*chunk);
  others -= CountOf(*layout.tail.front());
  return others >= kMaxTailRows ||
         (others > 0 && layout.tail[1]->rows[0].time <= last_time - kTailSpan);
}

SealedChunkPtr Sealed(const TailChunk& chunk, std::size_t rows) {
  std::array<TimestampMs, TailChunk::kRows> times;
  std::array<std::uint64_t, TailChunk::kRows> commits;
  std::uint64_t samples = 0;
  for (std::size_t row = 0; row < rows; ++row) {
    times[row] = chunk.rows[row].time;
    commits[row] = chunk.rows[row].commit;
    samples += chunk.rows[row].samples;
  }
  return SealedChunk::Seal(chunk.first_row, std::span(times).first(rows),
                           std::span(commits).first(rows), samples, chunk.stride,
                           [&](std::size_t column, std::span<double> values) {
                             for (std::size_t row = 0; row < rows; ++row)
                               values[row] = chunk.cells(row)[column];
                           });
}

SealedChunkPtr Merged(std::span<const SealedChunkPtr> chunks) {
  std::vector<TimestampMs> times;
  std::vector<std::uint64_t> commits;
  std::uint64_t samples = 0;
  std::size_t width = 0;
  for (const SealedChunkPtr& chunk : chunks) {
    const std::size_t before = times.size();
    times.resize(before + chunk->rows());
    commits.resize(times.size());
    chunk->Times(std::span(times).subspan(before));
    chunk->Commits(std::span(commits).subspan(before));
    samples += chunk->about().samples;
    width = std::max(width, chunk->width());
  }
  return SealedChunk::Seal(chunks.front()->about().first_row, times, commits, samples, width,
                           [&](std::size_t column, std::span<double> values) {
                             for (const SealedChunkPtr& chunk : chunks) {
                               chunk->Read(column, values.first(chunk->rows()));
                               values = values.subspan(chunk->rows());
                             }
                           });
}

// The newest packed chunks become one of up to `most` rows, if there is no more room in it for the
// next one, or `at_once`.
void MergeUpTo(std::size_t most, std::vector<SealedChunkPtr>& sealed, bool at_once) {
  std::size_t first = sealed.size(), rows = 0;
  while (first > 0 && rows + sealed[first - 1]->rows() <= most) rows += sealed[--first]->rows();
  const std::size_t small = sealed.size() - first;
  const bool full = rows == most || (first > 0 && sealed[first - 1]->rows() < most);
  if (small < 2 || !(at_once || full || small >= kMaxSmall)) return;
  SealedChunkPtr merged = Merged(std::span(sealed).subspan(first));
  sealed.resize(first);
  sealed.push_back(std::move(merged));
}

void Merge(std::vector<SealedChunkPtr>& sealed) {
  for (const std::size_t rows : kTiers) MergeUpTo(rows, sealed, false);
}
void MergeAll(std::vector<SealedChunkPtr>& sealed) {
  MergeUpTo(kTiers[std::size(kTiers) - 1], sealed, true);
}

}  // namespace

std::vector<SealedChunkPtr> PackedRows(const BlockLayout& layout, std::uint64_t commit) {
  std::vector<SealedChunkPtr> packed = layout.sealed;
  for (const auto& chunk : layout.tail) {
    std::size_t rows = CountOf(*chunk);
    while (rows > 0 && chunk->rows[rows - 1].commit > commit) --rows;
    if (rows > 0) packed.push_back(Sealed(*chunk, rows));
  }
  MergeAll(packed);
  std::erase_if(packed, [&](const SealedChunkPtr& chunk) {
    return chunk->about().last_time < layout.horizon;
  });
  return packed;
}

void Block::Settle(bool all) {
  const BlockLayoutPtr now = layout();
  if (now->tail.empty() || (!all && !IsSpare(*now, last_time_))) return;
  BlockLayout settled = *now;
  while (!settled.tail.empty() && (all || IsSpare(settled, last_time_))) {
    const std::shared_ptr<TailChunk> oldest = std::move(settled.tail.front());
    settled.tail.erase(settled.tail.begin());
    if (CountOf(*oldest) == 0) continue;
    settled.sealed.push_back(Sealed(*oldest, CountOf(*oldest)));
    Merge(settled.sealed);
  }
  if (settled.tail.empty()) {
    MergeAll(settled.sealed);
    filling_.reset();
    before_ = {};
  }
  SetLayout(std::move(settled));
}

std::uint64_t Block::DropBefore(TimestampMs horizon) {
  const BlockLayoutPtr now = layout();
  BlockLayout kept = *now;
  kept.horizon = std::max(kept.horizon, horizon);
  std::uint64_t dropped = 0;
  std::erase_if(kept.sealed, [&](const SealedChunkPtr& chunk) {
    if (chunk->about().last_time >= horizon) return false;
    dropped += chunk->about().samples;
    return true;
  });
  for (const auto& chunk : now->tail) {
    for (std::size_t row = 0; row < CountOf(*chunk); ++row) {
      const TailChunk::Row& about = chunk->rows[row];
      if (about.time < horizon && about.time >= now->horizon) dropped += about.samples;
    }
  }
  std::erase_if(kept.tail, [&](const std::shared_ptr<TailChunk>& chunk) {
    const std::size_t count = CountOf(*chunk);
    return count > 0 && chunk->rows[count - 1].time < horizon;
  });
  if (kept.tail.empty()) {
    filling_.reset();
    before_ = {};
  }
  if (kept.horizon != now->horizon) SetLayout(std::move(kept));
  return dropped;
}

void Block::Forget(std::vector<SeriesId>& ids) {
  const BlockLayoutPtr layout = this->layout();
  std::uint32_t first_row = next_row_;
  if (!layout->sealed.empty()) {
    first_row = layout->sealed.front()->about().first_row;
  } else {
    for (const auto& chunk : layout->tail) {
      for (std::uint32_t row = CountOf(*chunk); row-- > 0;) {
        if (chunk->rows[row].time >= layout->horizon)
          first_row = std::min(first_row, chunk->first_row + row);
      }
    }
  }
  for (std::uint32_t column = 0; column < columns(); ++column) {
    const std::uint32_t last = last_row_[column] == kLive ? next_row_ - 1 : last_row_[column];
    if (last >= first_row || ids_[column] == kForgotten) continue;
    ids.push_back(ids_[column]);
    ids_[column] = kForgotten;
    SetLastRow(column, last);
  }
}

std::shared_ptr<Block> Block::WithoutForgotten() const {
  auto block = std::make_shared<Block>();
  std::vector<std::uint32_t> kept;
  for (std::uint32_t column = 0; column < columns(); ++column) {
    if (ids_[column] != kForgotten) kept.push_back(column);
  }
  block->next_row_ = next_row_;
  block->last_time_ = last_time_;
  block->grew_ = grew_;
  for (const std::uint32_t column : kept) {
    block->SetLastRow(block->AddColumn(ids_[column]), last_row_[column]);
  }
  block->GrowBreaks();
  const BlockLayoutPtr layout = this->layout();
  BlockLayout fresh;
  fresh.horizon = layout->horizon;
  for (const SealedChunkPtr& chunk : layout->sealed) fresh.sealed.push_back(chunk->Pick(kept));
  for (std::size_t i = 0; i < kept.size() && kept[i] < breaks_size_; ++i) {
    block->breaks_[i].store(breaks_[kept[i]].load(std::memory_order_relaxed),
                            std::memory_order_relaxed);
  }
  for (const auto& chunk : layout->tail) {
    auto copy =
        std::make_shared<TailChunk>(chunk->first_row, static_cast<std::uint32_t>(kept.size()));
    copy->rows = chunk->rows;
    const std::uint32_t count = chunk->count.load(std::memory_order_relaxed);
    for (std::uint32_t row = 0; row < count; ++row) {
      for (std::size_t i = 0; i < kept.size(); ++i) {
        copy->cells(row)[i] =
            kept[i] < chunk->stride ? chunk->cells(row)[kept[i]] : std::bit_cast<double>(kGapBits);
      }
      // A row before the horizon may have had samples of the columns that are left out.
      copy->rows[row].samples =
          static_cast<std::uint32_t>(kept.size() - std::ranges::count_if(copy->cells(row), IsGap));
    }
    copy->count.store(count, std::memory_order_relaxed);
    fresh.tail.push_back(std::move(copy));
  }
  if (!fresh.tail.empty()) {
    block->filling_ = fresh.tail.back();
    const std::uint32_t count = CountOf(*block->filling_);
    if (count > 0) block->before_ = block->filling_->cells(count - 1);
  }
  block->SetLayout(std::move(fresh));
  return block;
}

void Block::Restore(std::vector<SealedChunkPtr> sealed, std::span<const SeriesId> ids) {
  assert(next_row_ == 1 && !sealed.empty());
  const SealedRows& newest = sealed.back()->about();
  next_row_ = newest.first_row + newest.rows;
  last_time_ = newest.last_time;
  for (const SeriesId id : ids) {
    const std::uint32_t column = AddColumn(id);
    SetLastRow(column, next_row_ - 1);
  }
  BlockLayout layout;
  layout.sealed = std::move(sealed);
  SetLayout(std::move(layout));
}

}  // namespace tierwatch::series
