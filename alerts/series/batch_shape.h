// What a batch is like without its values, and its samples in the order of its exposition.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/batch.h"
#include "base/labels.h"

namespace tierwatch::series {

/// Calls `take` for every sample of the batch: histograms and summaries give one each for their
/// buckets or quantiles, for _sum and for _count. A histogram without a +Inf bucket is given one.
void ForEachValue(const Batch& batch, const std::function<void(double)>& take);

/// Calls `take` with the labels of every sample, in the order of ForEachValue. A metric's own label
/// wins over the target's, and that over one of `self_labels`.
void ForEachSeries(const Batch& batch, const Labels& self_labels,
                   const std::function<void(Labels)>& take);

/// Remembers names, labels, bounds and their order, so that a batch like the last one is told by
/// comparing.
class BatchShape {
 public:
  BatchShape() = default;
  explicit BatchShape(const Batch& batch);
  bool Fits(const Batch& batch) const;

 private:
  struct Metric {
    std::vector<prometheus::ClientMetric::Label> labels;
    std::vector<double> bounds;
  };
  struct Family {
    std::string name;
    prometheus::MetricType type;
    std::vector<Metric> metrics;
  };
  std::vector<Family> families_;
};

}  // namespace tierwatch::series
