// A data set for PromQL that is small and has everything: counters with resets, gauges with NaN and
// infinities, gaps, staleness markers, ended series, classic and native histograms, mixed series.
#pragma once

#include <vector>

#include "alerts/series/sample.h"
#include "base/clock.h"

namespace tierwatch {

/// The first round of samples; a multiple of 5 minutes.
inline constexpr TimestampMs kSamplesStart = 1'700'000'100'000;
/// Between two rounds.
inline constexpr Millis kSamplesInterval{15'000};

/// `rounds` of samples of about 80 series, in the order of time, the same at each call. A sample
/// stands 3 to 4 s behind the start of its round, each instance's at a millisecond of its own. What
/// happens to a series (a reset, a gap, an end) happens at a fraction of the rounds.
std::vector<series::Sample> PromqlSamples(int rounds);

}  // namespace tierwatch
