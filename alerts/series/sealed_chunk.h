// Rows of a block that are old enough to be packed: a run per column, and times for all of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "alerts/series/codec.h"
#include "base/clock.h"

namespace tierwatch::series {

/// Of times and numbers of commits, all packed as doubles.
inline constexpr TimestampMs kMaxPackedTime = TimestampMs{1} << 53;

/// What is known of the rows without unpacking them.
struct SealedRows {
  std::uint32_t first_row = 0;  // its number in the block
  std::uint32_t rows = 0;       // 1 to kMaxRun
  TimestampMs first_time = 0;
  TimestampMs last_time = 0;
  std::uint64_t last_commit = 0;  // the newest that a row came with
  std::uint64_t samples = 0;      // that are no gaps
};

/// Immutable, thread-safe.
class SealedChunk {
 public:
  /// Fills in the values of a column; as many as there are rows.
  using Fill = std::function<void(std::size_t column, std::span<double> values)>;
  static std::shared_ptr<const SealedChunk> Seal(std::uint32_t first_row,
                                                 std::span<const TimestampMs> times,
                                                 std::span<const std::uint64_t> commits,
                                                 std::uint64_t samples, std::size_t width,
                                                 const Fill& fill);
  /// From what bytes() and ends() gave; null where they don't fit together.
  static std::shared_ptr<const SealedChunk> Restore(SealedRows about,
                                                    std::vector<std::uint32_t> ends,
                                                    std::vector<std::uint8_t> packed);
  /// The same rows with some of the columns, in the order given.
  std::shared_ptr<const SealedChunk> Pick(std::span<const std::uint32_t> columns) const;

  /// The same rows, `by` ms later.
  std::shared_ptr<const SealedChunk> WithTimesShifted(TimestampMs by) const;

  const SealedRows& about() const { return about_; }
  std::size_t rows() const { return about_.rows; }
  std::size_t width() const { return ends_.size() - 2; }
  /// False where the column is nothing but gaps.
  bool Has(std::size_t column) const { return column < width() && !Packed(column).empty(); }
  /// One value for each row; gaps for columns beyond the width.
  void Read(std::size_t column, std::span<double> values) const;
  void Times(std::span<TimestampMs> times) const;
  void Commits(std::span<std::uint64_t> commits) const;

  /// What is packed, without the slack behind it, and where each run ends: times, commits, columns.
  std::span<const std::uint8_t> packed() const { return {packed_.data(), ends_.back()}; }
  std::span<const std::uint32_t> ends() const { return ends_; }
  std::size_t bytes() const;

 private:
  static constexpr std::size_t kFirstColumn = 2;  // after times and commits

  std::span<const std::uint8_t> Run(std::size_t i) const;
  std::span<const std::uint8_t> Packed(std::size_t column) const {
    return Run(column + kFirstColumn);
  }
  void PutRun(std::span<const double> values);
  void Finish();
  bool IsSound() const;

  SealedRows about_;
  std::vector<std::uint32_t> ends_;   // of the runs in packed_
  std::vector<std::uint8_t> packed_;  // and kBitSlack bytes
};
using SealedChunkPtr = std::shared_ptr<const SealedChunk>;

}  // namespace tierwatch::series
