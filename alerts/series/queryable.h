// What PromQL may ask of a storage: which series there are, and their samples in a window of time.
#pragma once

#include <atomic>
#include <bit>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <vector>

#include "alerts/series/column.h"
#include "alerts/series/frame.h"
#include "alerts/series/matcher.h"
#include "alerts/series/sample.h"
#include "base/clock.h"
#include "base/interrupt.h"
#include "base/result.h"

namespace tierwatch::series {

/// A dense number of a series inside its storage: an index into arrays.
using SeriesId = std::uint32_t;

/// The samples of one series in a window, oldest first. The spans run in parallel.
struct SeriesSamples {
  std::span<const TimestampMs> times;
  std::span<const double> values;            // a staleness marker ends the series
  std::span<const HistogramPtr> histograms;  // empty, or null where the sample is a float
  std::span<const TimestampMs> start_times;  // empty where none is known; 0 = unknown
};

/// Marks the place of a sample that was not taken, in a matrix of samples: a NaN of its own bits.
inline constexpr std::uint64_t kGapBits = 0x7ff0000000000003;
inline bool IsGap(double value) { return std::bit_cast<std::uint64_t>(value) == kGapBits; }

/// Series whose samples were taken together, as rows of a matrix: what a window of time holds of
/// it, the newest ones. All are floats without start times; a series that also has samples of
/// another kind or with times of their own in the window is in no part.
struct MatrixPart {
  std::size_t first = 0;                   // the index in the list of the first of them
  std::span<const std::uint32_t> columns;  // theirs, in the rows
  std::size_t rows = 0;                    // in the window, at least 1
  TimestampMs first_time = 0;
  TimestampMs last_time = 0;
  const double* first_row = nullptr;
  const double* last_row = nullptr;
  std::size_t last_width = 0;  // of last_row; a column beyond it has no sample there
  bool complete = false;       // the window holds no samples of theirs that are older than the rows
  // By column, the number of the newest row in which the value fell or was a gap, NaN or a
  // staleness marker.
  const std::atomic<std::uint32_t>* last_break = nullptr;
  std::uint32_t first_row_number = 0;

  /// The newest value in the window, or a gap.
  double Last(std::size_t i) const {
    return columns[i] < last_width ? last_row[columns[i]] : std::bit_cast<double>(kGapBits);
  }
  /// True where the column has a number in every row, none less than the one before. Only then may
  /// first_row be looked at. May be false where that would hold.
  bool Rises(std::size_t i) const {
    return last_break[columns[i]].load(std::memory_order_relaxed) < first_row_number;
  }
};

/// Series that a storage found: immutable, and good for any number of windows.
struct SeriesList {
  virtual ~SeriesList() = default;
  FramePtr frame;  // theirs, in the order of the list; distinct
};
using SeriesListPtr = std::shared_ptr<const SeriesList>;

/// The samples of a list of series in a window. Never changes. Thread-safe.
class Window {
 public:
  virtual ~Window() = default;
  /// Those of the list's series `i`; may point into `scratch`, whose former content goes.
  virtual SeriesSamples At(std::size_t i, SampleBuffer& scratch) const = 0;
  /// What can be had as matrices, ascending by `first`; the rest of the list is in none of them.
  virtual std::span<const MatrixPart> parts() const { return {}; }
};

/// Times from <= t <= to.
struct TimeRange {
  TimestampMs from = std::numeric_limits<TimestampMs>::min();
  TimestampMs to = std::numeric_limits<TimestampMs>::max();
};

/// A storage at one moment: of a batch that arrives later nothing is seen. Not thread-safe; short
/// lived.
class View {
 public:
  virtual ~View() = default;
  /// The texts of the frames' labels.
  virtual const std::shared_ptr<Symbols>& symbols() const = 0;
  /// All series that satisfy every matcher; with `within`, it may leave out those without a sample
  /// there. Where `former`, an answer to the same question of any time, still holds, it is given
  /// back: the same pointer.
  virtual Result<SeriesListPtr> Find(std::span<const Matcher> matchers, const TimeRange* within,
                                     const SeriesListPtr& former) = 0;
  virtual Result<std::unique_ptr<Window>> Read(const SeriesListPtr& list, TimeRange range) = 0;
};

/// Thread-safe. The local store answers from memory; a remote server can answer just as well, and
/// may fail.
class Queryable {
 public:
  virtual ~Queryable() = default;
  /// `interrupt` is copied.
  virtual std::unique_ptr<View> Open(Interrupt interrupt = {}) const = 0;
};

}  // namespace tierwatch::series
