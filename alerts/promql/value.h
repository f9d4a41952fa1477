// Values during an evaluation: label sets (a frame) and numbers (arrays) apart, with one number per
// series and step. Operators work out frames once and numbers each time.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "alerts/series/frame.h"
#include "alerts/series/queryable.h"
#include "alerts/series/sample.h"
#include "base/clock.h"

namespace tierwatch::promql {

using series::Frame;
using series::FrameBuilder;
using series::FramePtr;
using series::HistogramPtr;
using series::LabelPair;
using series::LabelPairs;
using series::Symbol;

/// The times at which an expression is evaluated. An instant query has one.
struct Steps {
  TimestampMs start = 0;
  std::int64_t interval = 1;
  std::size_t count = 1;
  TimestampMs At(std::size_t step) const {
    return start + interval * static_cast<std::int64_t>(step);
  }
  TimestampMs Last() const { return At(count - 1); }
  bool operator==(const Steps&) const = default;
};

/// A step where a series has no value. The bits are those of the staleness marker, which no result
/// can be.
inline double Absent() { return series::StaleMarker(); }
inline bool IsAbsent(double value) { return series::IsStale(value); }

/// One element: a float, or a histogram where that is set.
struct Point {
  double value = Absent();
  HistogramPtr histogram{};
};

/// An instant vector at all steps. A series of the frame may be absent at any of them, or at all:
/// what operators leave out is made absent, so that frames don't depend on numbers.
struct StepVector {
  FramePtr frame;
  std::size_t steps = 1;
  std::vector<double> values{};            // series by series, one per step; 0 under a histogram
  std::vector<HistogramPtr> histograms{};  // empty, or as long as values

  StepVector() = default;
  /// Everything absent.
  StepVector(FramePtr frame_in, std::size_t steps_in)
      : frame(std::move(frame_in)), steps(steps_in), values(frame->size() * steps, Absent()) {}

  std::size_t size() const { return frame->size(); }
  std::span<double> Row(std::size_t i) { return {values.data() + i * steps, steps}; }
  std::span<const double> Row(std::size_t i) const { return {values.data() + i * steps, steps}; }
  bool Has(std::size_t i, std::size_t step) const { return !IsAbsent(values[i * steps + step]); }
  bool HasFloat(std::size_t i, std::size_t step) const {
    return Has(i, step) && !Histogram(i, step);
  }
  const HistogramPtr& Histogram(std::size_t i, std::size_t step) const {
    static const HistogramPtr kNone;
    return histograms.empty() ? kNone : histograms[i * steps + step];
  }
  Point At(std::size_t i, std::size_t step) const {
    return {values[i * steps + step], Histogram(i, step)};
  }
  void Set(std::size_t i, std::size_t step, Point point) {
    const std::size_t at = i * steps + step;
    values[at] = point.histogram ? 0 : point.value;
    if (point.histogram && histograms.empty()) histograms.resize(values.size());
    if (!histograms.empty()) histograms[at] = std::move(point.histogram);
  }
  /// Absent at every step.
  bool Empty(std::size_t i) const;
};

/// A scalar: one value per step, never absent.
using StepScalar = std::vector<double>;

/// A series of a range vector: all samples that any step's window may hold, floats and histograms
/// apart.
struct RangeSeries {
  struct Floats {
    std::span<const TimestampMs> times;
    std::span<const double> values;
    std::span<const TimestampMs> starts;  // empty where not known
  } floats{};
  struct Histograms {
    std::span<const TimestampMs> times;
    std::span<const HistogramPtr> values;
    std::span<const TimestampMs> starts;
  } histograms{};
};

/// Where a RangeSeries keeps what it had to copy.
struct RangeScratch {
  series::SampleBuffer raw;
  std::vector<TimestampMs> times[4];
  std::vector<double> values;
  std::vector<HistogramPtr> histograms;
};

/// The samples of a range vector, series by series. Immutable.
class RangeSource {
 public:
  virtual ~RangeSource() = default;
  /// Valid until `scratch` is used again.
  virtual RangeSeries At(std::size_t i, RangeScratch& scratch) const = 0;
  /// What can be had as matrices, see series::Window.
  virtual std::span<const series::MatrixPart> parts() const { return {}; }
};

/// A range vector: the window of a step is (End - range, End].
struct RangeVector {
  FramePtr frame;
  std::shared_ptr<const RangeSource> source;
  std::int64_t range = 0;
  std::int64_t offset = 0;
  bool fixed = false;  // by @: every step has the same window
  TimestampMs fixed_time = 0;
  bool anchored = false, smoothed = false;

  TimestampMs End(TimestampMs step_time) const { return (fixed ? fixed_time : step_time) - offset; }
};

struct Value {
  std::variant<StepScalar, std::string, StepVector, RangeVector> value;
};

}  // namespace tierwatch::promql
