// The samples of one series that has no row of its source's block: native histograms, start times,
// times of its own. Oldest first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "alerts/series/sample.h"

namespace tierwatch::series {

/// Samples copied out of a storage for a reader that holds no lock.
struct SampleBuffer {
  std::vector<TimestampMs> times;
  std::vector<double> values;
  std::vector<HistogramPtr> histograms;  // as long as `times` once one was seen, else empty
  std::vector<TimestampMs> start_times;  // likewise

  void Clear();
};

/// Thread-safe.
class Column {
 public:
  enum class Taken { kYes, kTooOld, kClosed };

  /// kTooOld where the time isn't after the newest sample; kClosed after CloseIfEmpty: nothing is
  /// kept. Readers of commits before `commit` don't see it.
  Taken Append(TimestampMs time, double value, const HistogramPtr& histogram,
               TimestampMs start_time, std::uint64_t commit);
  /// Copies the samples with from <= time <= to that came with `commit` or before it behind what
  /// `out` has; gives their number.
  std::size_t Copy(TimestampMs from, TimestampMs to, std::uint64_t commit, SampleBuffer& out) const;
  /// Drops all samples before `horizon`; gives their number.
  std::size_t DropBefore(TimestampMs horizon);
  /// The column takes no more samples where it has none; true where that is so.
  bool CloseIfEmpty();

  std::size_t size() const;
  std::optional<series::Newest> Newest() const;
  TimestampMs oldest() const;  // the greatest time where it is empty
  std::size_t bytes() const;

 private:
  mutable std::mutex mutex_;
  bool closed_ = false;
  std::size_t first_ = 0;  // samples before it are dropped, their memory not yet given back
  std::vector<TimestampMs> times_;
  std::vector<double> values_;
  std::vector<std::uint64_t> commits_;
  std::vector<HistogramPtr> histograms_;
  std::vector<TimestampMs> start_times_;
};
using ColumnPtr = std::shared_ptr<Column>;

}  // namespace tierwatch::series
