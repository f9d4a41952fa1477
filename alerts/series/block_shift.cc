// A block whose rows were all some time earlier or later: what happens when the clock is set.
#include <algorithm>

#include "alerts/series/block.h"

namespace tierwatch::series {
namespace {

constexpr TimestampMs kNever = std::numeric_limits<TimestampMs>::min();

TimestampMs Shifted(TimestampMs time, TimestampMs by) { return time == kNever ? time : time + by; }

// Readers may still look at the former chunk.
std::shared_ptr<TailChunk> Shifted(const TailChunk& chunk, TimestampMs by) {
  auto shifted = std::make_shared<TailChunk>(chunk.first_row, chunk.stride);
  const std::uint32_t count = chunk.count.load(std::memory_order_acquire);
  for (std::uint32_t row = 0; row < count; ++row) {
    shifted->rows[row] = chunk.rows[row];
    shifted->rows[row].time += by;
  }
  std::copy_n(chunk.values.get(), std::size_t{chunk.stride} * count, shifted->values.get());
  shifted->count.store(count, std::memory_order_release);
  return shifted;
}

}  // namespace

void Block::ShiftTimes(TimestampMs by) {
  BlockLayout shifted = *layout();
  shifted.horizon = Shifted(shifted.horizon, by);
  for (SealedChunkPtr& chunk : shifted.sealed) chunk = chunk->WithTimesShifted(by);
  for (std::shared_ptr<TailChunk>& chunk : shifted.tail) {
    const bool filling = chunk == filling_;
    chunk = tierwatch::series::Shifted(*chunk, by);
    if (filling) filling_ = chunk;
    const std::uint32_t count = chunk->count.load(std::memory_order_relaxed);
    if (!before_.empty() && count > 0) before_ = chunk->cells(count - 1).first(before_.size());
  }
  last_time_ = Shifted(last_time_, by);
  SetLayout(std::move(shifted));
}

}  // namespace tierwatch::series
