// Histograms as elements: shared and never changed, so arithmetic works on a copy.
#pragma once

#include <memory>
#include <utility>

#include "alerts/series/float_histogram.h"
#include "alerts/series/sample.h"

namespace tierwatch::promql {

/// A copy with change(copy) done to it.
template <class Change>
series::HistogramPtr Changed(const series::FloatHistogram& histogram, Change change) {
  auto copy = std::make_shared<series::FloatHistogram>(histogram);
  change(*copy);
  return copy;
}

inline series::HistogramPtr Share(series::FloatHistogram histogram) {
  return std::make_shared<const series::FloatHistogram>(std::move(histogram));
}

}  // namespace tierwatch::promql
