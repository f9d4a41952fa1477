// The samples of one series, oldest first. How they are laid out is nobody else's business.
#pragma once

#include <cstddef>
#include <vector>

#include "alerts/series/sample.h"

namespace tierwatch::series {

/// Samples copied out of columns, one series after the other, for a reader that holds no lock.
struct SampleBuffer {
  std::vector<TimestampMs> times;
  std::vector<double> values;
  std::vector<HistogramPtr> histograms;  // as long as `times` once one was seen, else empty
  std::vector<TimestampMs> start_times;  // likewise
};

/// Not thread-safe: the store's lock guards it.
class Column {
 public:
  /// False where `time` isn't after the newest sample: nothing is kept.
  bool Append(TimestampMs time, double value, const HistogramPtr& histogram,
              TimestampMs start_time);
  /// Copies the samples with from <= time <= to behind what `out` has; gives their number.
  std::size_t Copy(TimestampMs from, TimestampMs to, SampleBuffer& out) const;
  /// True where a sample lies in from <= time <= to.
  bool HasBetween(TimestampMs from, TimestampMs to) const;
  /// Drops all samples before `horizon`; gives their number.
  std::size_t DropBefore(TimestampMs horizon);

  bool empty() const { return first_ == times_.size(); }
  std::size_t size() const { return times_.size() - first_; }
  TimestampMs newest() const { return times_.back(); }   // not when empty
  TimestampMs oldest() const { return times_[first_]; }  // not when empty
  /// True where the newest sample says that the series ended.
  bool ended() const;
  std::size_t bytes() const;

 private:
  std::size_t first_ = 0;  // samples before it are dropped, their memory not yet given back
  std::vector<TimestampMs> times_;
  std::vector<double> values_;
  std::vector<HistogramPtr> histograms_;
  std::vector<TimestampMs> start_times_;
};

}  // namespace tierwatch::series
