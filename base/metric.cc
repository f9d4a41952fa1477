#include "base/metric.h"

#include <cassert>

namespace tierwatch {

prometheus::ClientMetric& FamilySet::AddMetric(const MetricInfo& info,
                                               std::initializer_list<std::string_view> values) {
  const auto [at, inserted] = index_.try_emplace(info.name, families_.size());
  if (inserted) {
    families_.push_back({std::string(info.name), std::string(info.help), info.type, {}});
  }
  prometheus::ClientMetric& metric = families_[at->second].metric.emplace_back();
  std::size_t i = 0;
  for (const std::string_view value : values) {
    assert(i < info.labels.size() && !info.labels[i].empty());
    if (!value.empty()) metric.label.push_back({std::string(info.labels[i]), std::string(value)});
    ++i;
  }
  assert(i == info.labels.size() || info.labels[i].empty());
  return metric;
}

void FamilySet::Add(const MetricInfo& info, std::initializer_list<std::string_view> label_values,
                    double value) {
  prometheus::ClientMetric& metric = AddMetric(info, label_values);
  switch (info.type) {
    case prometheus::MetricType::Counter:
      metric.counter.value = value;
      break;
    case prometheus::MetricType::Untyped:
      metric.untyped.value = value;
      break;
    default:
      assert(info.type == prometheus::MetricType::Gauge);
      metric.gauge.value = value;
  }
}

void FamilySet::AddHistogram(const MetricInfo& info,
                             std::initializer_list<std::string_view> label_values,
                             prometheus::ClientMetric::Histogram histogram) {
  assert(info.type == prometheus::MetricType::Histogram);
  AddMetric(info, label_values).histogram = std::move(histogram);
}

}  // namespace tierwatch
