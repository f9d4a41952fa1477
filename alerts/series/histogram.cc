#include "alerts/series/histogram.h"

namespace tierwatch::series {

HistogramPtr Scaled(const FloatHistogram& histogram, double factor) {
  auto scaled = std::make_shared<FloatHistogram>(histogram);
  scaled->zero_count *= factor;
  scaled->count *= factor;
  scaled->sum *= factor;
  for (auto* buckets : {&scaled->positive, &scaled->negative}) {
    for (FloatHistogram::Bucket& bucket : *buckets) bucket.count *= factor;
  }
  if (factor < 0) scaled->hint = ResetHint::kGauge;
  return scaled;
}

}  // namespace tierwatch::series
