// What rates of floats and of native histograms share, and the latter.
#pragma once

#include <algorithm>

#include "alerts/promql/window.h"
#include "alerts/series/float_histogram.h"
#include "base/clock.h"

namespace tierwatch::promql {

inline double Seconds(TimestampMs millis) { return static_cast<double>(millis) / 1000; }

/// True where the start time of a sample says that the counter began anew since the sample before.
bool StartedAnew(TimestampMs start_before, TimestampMs before, TimestampMs start, TimestampMs now);
/// True where a sample says that it began before the one before it was taken, and not when that one
/// began.
bool StartsOverlap(TimestampMs start_before, TimestampMs before, TimestampMs start);
void WarnOverlap(WindowContext& context);

/// By what a change between the outermost samples is multiplied: the series is taken to go on
/// beyond them, to the edge of the window where that is near, else for half a sampling interval; a
/// counter never to where it would have been below zero. `result` and `first` are the change and
/// the first value, of a histogram its counts.
inline double Extrapolated(double result, double sampled, double to_start, double to_end,
                           double interval, double first, bool counter) {
  const double threshold = interval * 1.1;
  if (to_start >= threshold) to_start = interval / 2;
  if (counter && result > 0 && first >= 0)
    to_start = std::min(to_start, sampled * (first / result));
  if (to_end >= threshold) to_end = interval / 2;
  return sampled == 0 ? 1 : (sampled + to_start + to_end) / sampled;
}

// Notes on native histograms.
void WarnNotCounter(WindowContext& context);
void WarnNotGauge(WindowContext& context);
/// Tells what happened in a combination; false where there was none.
bool Combine(const series::CombineInfo& info, std::string_view operation, WindowContext& context);

/// rate, increase or delta of a window of histograms alone.
Point RateOfHistograms(const Window& window, WindowContext& context, bool counter, bool per_second);

}  // namespace tierwatch::promql
