// Registers what tierwatch counts of its own doing, by the table that declares it.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include "base/metric.h"

namespace tierwatch {

// A family without labels has one member: family.Add({}).

prometheus::Family<prometheus::Counter>& CounterFamily(const MetricInfo& info,
                                                       prometheus::Registry& registry);
prometheus::Family<prometheus::Gauge>& GaugeFamily(const MetricInfo& info,
                                                   prometheus::Registry& registry);
prometheus::Family<prometheus::Histogram>& HistogramFamily(const MetricInfo& info,
                                                           prometheus::Registry& registry);

}  // namespace tierwatch
