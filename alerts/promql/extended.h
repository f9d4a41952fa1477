// What anchored and smoothed selectors are made of: values at the edges of a window, interpolated
// or the nearest before.
#pragma once

#include <utility>
#include <vector>

#include "alerts/promql/window.h"
#include "alerts/series/sample.h"
#include "base/clock.h"

namespace tierwatch::promql {

/// The value at a time between two samples. A counter that was reset between them counted up from
/// zero.
double Interpolated(TimestampMs before, double from, TimestampMs after, double to, TimestampMs at,
                    bool counter);
/// Likewise; null, with a note, where exponential and custom buckets meet.
HistogramPtr Interpolated(TimestampMs before, const HistogramPtr& from, TimestampMs after,
                          const HistogramPtr& to, TimestampMs at, bool counter, Annotations& notes,
                          std::string_view metric, const Place& where);

/// The floats of an anchored or smoothed range vector as a result shows them: the samples inside of
/// (start, end) and a value at each edge. Source: Prometheus 3.14, extendFloats.
std::vector<std::pair<TimestampMs, double>> ExtendedFloats(const RangeSeries::Floats& floats,
                                                           TimestampMs start, TimestampMs end,
                                                           bool smoothed);

/// rate, increase or delta of a window of histograms alone, of an anchored or smoothed selector.
Point ExtendedRateOfHistograms(const Window& window, WindowContext& context, bool counter,
                               bool per_second);

}  // namespace tierwatch::promql
