// The series that a question found in the store, and how their samples are read.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "alerts/series/block.h"
#include "alerts/series/column.h"
#include "alerts/series/queryable.h"

namespace tierwatch::series {

/// Keeps alive what its series' samples are in. They come by block and column, so that a run of
/// them is part of one matrix; those with samples of their own come last.
struct FoundList final : SeriesList {
  struct Run {
    std::shared_ptr<const Block> block;
    std::size_t end = 0;  // the index behind its last series
  };
  struct Loose {
    std::shared_ptr<const Block> block;  // null where all samples are in the column
    std::uint32_t column = 0;
    ColumnPtr own;
  };

  std::vector<Run> runs;
  std::vector<std::uint32_t> columns;  // of the series in runs
  std::vector<Loose> loose;            // the series behind those
  bool reusable = false;               // it is all of the answer
  // The last change of the set of series for which the list is known to hold.
  mutable std::atomic<std::uint64_t> epoch = 0;

  std::size_t size() const { return columns.size() + loose.size(); }
};
using FoundListPtr = std::shared_ptr<const FoundList>;

/// The rows of one block in a window.
class RowsInWindow {
 public:
  RowsInWindow() = default;
  RowsInWindow(const Block& block, TimeRange range, std::uint64_t commit);

  /// Replaces the content of `out` by the samples of a column, gaps left out.
  void Read(std::uint32_t column, SampleBuffer& out) const;
  /// True where the column has a sample.
  bool Has(std::uint32_t column) const;
  /// The tail's rows for the columns, of which it takes off those that have none yet; nothing
  /// where no row or no column is left.
  bool Part(std::span<const std::uint32_t> columns, MatrixPart& part) const;

 private:
  struct Sealed {
    const SealedChunk* chunk = nullptr;
    std::size_t begin = 0, end = 0;  // rows
  };
  struct Open {
    const TailChunk* chunk = nullptr;
    std::size_t begin = 0, end = 0;
  };
  void AddSealed(const SealedChunk& chunk, TimeRange range, std::uint64_t commit);
  void AddOpen(const TailChunk& chunk, TimeRange range, std::uint64_t commit);

  BlockLayoutPtr layout_;
  std::vector<Sealed> sealed_;
  std::vector<TimestampMs> sealed_times_;
  std::vector<Open> open_;
  std::size_t rows_ = 0;
};

/// The list's samples that came with `commit` or before it.
class FoundWindow final : public Window {
 public:
  FoundWindow(FoundListPtr list, TimeRange range, std::uint64_t commit);
  SeriesSamples At(std::size_t i, SampleBuffer& scratch) const override;
  std::span<const MatrixPart> parts() const override { return parts_; }
  /// True where series `i` has a sample.
  bool Has(std::size_t i) const;

 private:
  void ReadLoose(const FoundList::Loose& loose, SampleBuffer& out) const;
  const RowsInWindow& RowsOf(std::size_t i) const;

  FoundListPtr list_;
  TimeRange range_;
  std::uint64_t commit_;
  std::vector<RowsInWindow> rows_;  // by run
  std::vector<MatrixPart> parts_;
};

}  // namespace tierwatch::series
