// Combines two histograms of different layouts, with or without compensation: the one mechanism
// under Add, Sub and sums.
#pragma once

#include "alerts/series/float_histogram.h"

namespace tierwatch::series {

/// into += sign * other. With `lost`, which must have been made by LostOf(into) or kept by this
/// function, every addition leaves in it what rounding took. Of its buckets the counts alone mean
/// something: they run parallel to those of `into`.
CombineInfo Merge(FloatHistogram& into, FloatHistogram* lost, const FloatHistogram& other,
                  double sign);

/// A histogram of zeros with the layout of `histogram`.
FloatHistogram LostOf(const FloatHistogram& histogram);

/// sum += value by Neumaier's algorithm; `lost`, if not null, collects what rounding takes.
void Accumulate(double value, double& sum, double* lost);

}  // namespace tierwatch::series
