#include "alerts/series/sealed_chunk.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <functional>

#include "alerts/series/queryable.h"

namespace tierwatch::series {
namespace {

using Values = std::array<double, kMaxRun>;

}  // namespace

std::span<const std::uint8_t> SealedChunk::Run(std::size_t i) const {
  const std::uint32_t begin = i == 0 ? 0 : ends_[i - 1];
  return {packed_.data() + begin, ends_[i] - begin};
}

void SealedChunk::PutRun(std::span<const double> values) {
  Pack(values, packed_);
  ends_.push_back(static_cast<std::uint32_t>(packed_.size()));
}

void SealedChunk::Finish() {
  packed_.resize(packed_.size() + kBitSlack);
  packed_.shrink_to_fit();
}

SealedChunkPtr SealedChunk::Seal(std::uint32_t first_row, std::span<const TimestampMs> times,
                                 std::span<const std::uint64_t> commits, std::uint64_t samples,
                                 std::size_t width, const Fill& fill) {
  assert(!times.empty() && times.size() <= kMaxRun);
  auto chunk = std::make_shared<SealedChunk>();
  const std::size_t rows = times.size();
  chunk->about_ = {first_row,      static_cast<std::uint32_t>(rows),
                   times.front(),  times.back(),
                   commits.back(), samples};
  chunk->ends_.reserve(width + kFirstColumn);
  Values buffer;
  const std::span<double> values(buffer.data(), rows);
  std::transform(times.begin(), times.end(), values.begin(),
                 [](TimestampMs time) { return static_cast<double>(time); });
  chunk->PutRun(values);
  std::transform(commits.begin(), commits.end(), values.begin(),
                 [](std::uint64_t commit) { return static_cast<double>(commit); });
  chunk->PutRun(values);
  for (std::size_t column = 0; column < width; ++column) {
    fill(column, values);
    chunk->PutRun(values);
  }
  chunk->Finish();
  return chunk;
}

SealedChunkPtr SealedChunk::Restore(SealedRows about, std::vector<std::uint32_t> ends,
                                    std::vector<std::uint8_t> packed) {
  if (about.rows == 0 || about.rows > kMaxRun || ends.size() < kFirstColumn ||
      ends.back() != packed.size() || !std::is_sorted(ends.begin(), ends.end())) {
    return nullptr;
  }
  auto chunk = std::make_shared<SealedChunk>();
  chunk->about_ = about;
  chunk->ends_ = std::move(ends);
  chunk->packed_ = std::move(packed);
  chunk->Finish();
  return chunk->IsSound() ? chunk : nullptr;
}

// What is unpacked without a fault now always will be.
bool SealedChunk::IsSound() const {
  Values buffer;
  const std::span<double> values(buffer.data(), about_.rows);
  const auto whole = [](double value) { return value > -0x1p53 && value < 0x1p53; };
  if (!Unpack(Run(0), values) || !std::ranges::all_of(values, whole) ||
      std::ranges::adjacent_find(values, std::greater_equal<>()) != values.end() ||
      static_cast<TimestampMs>(values.front()) != about_.first_time ||
      static_cast<TimestampMs>(values.back()) != about_.last_time) {
    return false;
  }
  if (!Unpack(Run(1), values) || !std::ranges::all_of(values, whole) ||
      !std::is_sorted(values.begin(), values.end()) || values.front() < 0 ||
      static_cast<std::uint64_t>(values.back()) != about_.last_commit) {
    return false;
  }
  std::uint64_t samples = 0;
  for (std::size_t column = 0; column < width(); ++column) {
    if (!Unpack(Packed(column), values)) return false;
    samples += values.size() - std::ranges::count_if(values, IsGap);
  }
  return samples == about_.samples;
}

SealedChunkPtr SealedChunk::Pick(std::span<const std::uint32_t> columns) const {
  auto chunk = std::make_shared<SealedChunk>();
  chunk->about_ = about_;
  const auto copy = [&](std::span<const std::uint8_t> run) {
    chunk->packed_.insert(chunk->packed_.end(), run.begin(), run.end());
    chunk->ends_.push_back(static_cast<std::uint32_t>(chunk->packed_.size()));
  };
  for (std::size_t i = 0; i < kFirstColumn; ++i) copy(Run(i));
  for (const std::uint32_t column : columns)
    copy(column < width() ? Packed(column) : std::span<const std::uint8_t>());
  chunk->Finish();
  return chunk;
}

SealedChunkPtr SealedChunk::WithTimesShifted(TimestampMs by) const {
  auto chunk = std::make_shared<SealedChunk>();
  chunk->about_ = about_;
  chunk->about_.first_time += by;
  chunk->about_.last_time += by;
  Values buffer;
  const std::span<double> times(buffer.data(), rows());
  [[maybe_unused]] const bool whole = Unpack(Run(0), times);
  assert(whole);
  for (double& time : times) time += static_cast<double>(by);
  chunk->PutRun(times);
  const std::uint32_t before = ends_[0], after = chunk->ends_[0];
  chunk->packed_.insert(chunk->packed_.end(), packed_.begin() + before,
                        packed_.begin() + ends_.back());
  for (std::size_t i = 1; i < ends_.size(); ++i) chunk->ends_.push_back(ends_[i] - before + after);
  chunk->Finish();
  return chunk;
}

void SealedChunk::Read(std::size_t column, std::span<double> values) const {
  const bool known = column < width();
  [[maybe_unused]] const bool whole =
      Unpack(known ? Packed(column) : std::span<const std::uint8_t>(), values);
  assert(whole);
}

void SealedChunk::Times(std::span<TimestampMs> times) const {
  Values buffer;
  [[maybe_unused]] const bool whole = Unpack(Run(0), {buffer.data(), rows()});
  assert(whole);
  for (std::size_t i = 0; i < rows(); ++i) times[i] = static_cast<TimestampMs>(buffer[i]);
}

void SealedChunk::Commits(std::span<std::uint64_t> commits) const {
  Values buffer;
  [[maybe_unused]] const bool whole = Unpack(Run(1), {buffer.data(), rows()});
  assert(whole);
  for (std::size_t i = 0; i < rows(); ++i) commits[i] = static_cast<std::uint64_t>(buffer[i]);
}

std::size_t SealedChunk::bytes() const {
  return sizeof *this + packed_.capacity() + ends_.capacity() * sizeof(std::uint32_t);
}

}  // namespace tierwatch::series
