// What PromQL may ask of a storage: the series that match, with their samples in a window of time.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "alerts/series/matcher.h"
#include "alerts/series/sample.h"
#include "base/clock.h"
#include "base/result.h"

namespace tierwatch::series {

/// A dense number of a series inside its storage: an index into arrays. It means the same series as
/// long as the storage's epoch stands still.
using SeriesId = std::uint32_t;

/// One series and its samples in the window, oldest first. The spans run in parallel.
struct SeriesSamples {
  SeriesId id = 0;
  const Labels* labels = nullptr;
  std::span<const TimestampMs> times;
  std::span<const double> values;            // a staleness marker ends the series
  std::span<const HistogramPtr> histograms;  // empty, or null where the sample is a float
  std::span<const TimestampMs> start_times;  // empty where none is known; 0 = unknown
};

/// An answer. `owner` keeps alive what the spans and labels point into; it never changes
/// afterwards.
struct Selection {
  std::vector<SeriesSamples> series;  // in the order of ids
  std::shared_ptr<const void> owner;
};

/// Thread-safe. The local store answers from memory; a remote server can answer just as well, and
/// may fail.
class Queryable {
 public:
  virtual ~Queryable() = default;
  /// All series that satisfy every matcher and have a sample with from <= time <= to.
  virtual Result<Selection> Select(std::span<const Matcher> matchers, TimestampMs from,
                                   TimestampMs to) const = 0;
  /// Counts changes of the series set: a plan made for an epoch is good until it moves. 0 = not
  /// known.
  virtual std::uint64_t Epoch() const { return 0; }
};

}  // namespace tierwatch::series
