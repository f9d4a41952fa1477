// Values during an evaluation: by series, with one element per step, so that grouping and matching
// are worked out once.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "alerts/series/queryable.h"
#include "alerts/series/sample.h"
#include "base/clock.h"
#include "base/labels.h"

namespace tierwatch::promql {

using series::HistogramPtr;

/// The times at which an expression is evaluated. An instant query has one.
struct Steps {
  TimestampMs start = 0;
  std::int64_t interval = 1;
  std::size_t count = 1;
  TimestampMs At(std::size_t step) const {
    return start + interval * static_cast<std::int64_t>(step);
  }
  TimestampMs Last() const { return At(count - 1); }
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

/// A series of an instant vector over all steps.
struct StepSeries {
  Labels labels;
  bool drop_name = false;        // its name goes when the evaluation ends
  std::vector<double> values{};  // one per step; Absent() where there is none, 0 under a histogram
  std::vector<HistogramPtr> histograms{};  // empty, or one per step

  bool Has(std::size_t step) const { return !IsAbsent(values[step]); }
  bool HasFloat(std::size_t step) const { return Has(step) && !Histogram(step); }
  const HistogramPtr& Histogram(std::size_t step) const {
    static const HistogramPtr kNone;
    return histograms.empty() ? kNone : histograms[step];
  }
  Point At(std::size_t step) const { return {values[step], Histogram(step)}; }
  void Set(std::size_t step, Point point) {
    if (point.histogram) {
      histograms.resize(values.size());
      values[step] = 0;
    } else {
      values[step] = point.value;
    }
    if (!histograms.empty()) histograms[step] = std::move(point.histogram);
  }
  bool Empty() const;
};
using StepVector = std::vector<StepSeries>;

/// A scalar: one value per step, never absent.
using StepScalar = std::vector<double>;

/// A series of a range vector: all samples that any step's window may hold, floats and histograms
/// apart.
struct RangeSeries {
  Labels labels;
  bool drop_name = false;
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

/// A range vector: the window of a step is (End - range, End].
struct RangeVector {
  std::vector<RangeSeries> series;
  std::vector<std::shared_ptr<const void>> owners;  // of what the spans point into
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
