// The hash by which limit_ratio places a label set: Prometheus's, so that both choose the same
// series.
#pragma once

#include <cstdint>

#include "base/labels.h"

namespace tierwatch::promql {

/// XXH64 with seed 0 over names and values, each behind its length, as Prometheus keeps a label set
/// in memory.
std::uint64_t HashLabels(const Labels& labels);

}  // namespace tierwatch::promql
