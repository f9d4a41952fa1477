// What one sampling of one target gave: the only thing that collectors hand to the rest of the
// program.
#pragma once

#include <prometheus/metric_family.h>

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/labels.h"

namespace tierwatch {

/// Immutable once published. `families` carry their own labels only; a reader adds `target_labels`
/// to every metric (a metric's own label wins). Families of one name occur once per batch.
struct Batch {
  std::string collector;  // the stem: "redis"; "self" for tierwatch's own instrumentation
  Labels target_labels;   // `service`, `target` and the entry's own labels
  TimestampMs time = 0;   // when the sampling was done
  bool up = false;  // false: the source was not reached; families hold what is known all the same
  std::vector<prometheus::MetricFamily> families;
  bool turned = false;  // `up` is not what it was in the batch before, or this is the first
};

using BatchPtr = std::shared_ptr<const Batch>;

}  // namespace tierwatch
