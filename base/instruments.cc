#include "base/instruments.h"

#include <string>

namespace tierwatch {
namespace {

template <class Builder>
auto& Register(Builder builder, const MetricInfo& info, prometheus::Registry& registry) {
  return builder.Name(std::string(info.name)).Help(std::string(info.help)).Register(registry);
}

}  // namespace

prometheus::Family<prometheus::Counter>& CounterFamily(const MetricInfo& info,
                                                       prometheus::Registry& registry) {
  return Register(prometheus::BuildCounter(), info, registry);
}

prometheus::Family<prometheus::Gauge>& GaugeFamily(const MetricInfo& info,
                                                   prometheus::Registry& registry) {
  return Register(prometheus::BuildGauge(), info, registry);
}

prometheus::Family<prometheus::Histogram>& HistogramFamily(const MetricInfo& info,
                                                           prometheus::Registry& registry) {
  return Register(prometheus::BuildHistogram(), info, registry);
}

}  // namespace tierwatch
