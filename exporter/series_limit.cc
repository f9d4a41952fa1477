#include "exporter/series_limit.h"

#include <algorithm>
#include <numeric>

namespace tierwatch {
namespace {

using prometheus::MetricFamily;
using prometheus::MetricType;

bool HasLongLabel(const prometheus::ClientMetric& metric) {
  return std::ranges::any_of(metric.label, [](const prometheus::ClientMetric::Label& label) {
    return label.value.size() > SeriesLimit::kLongestLabelValue;
  });
}

}  // namespace

std::size_t SeriesOf(const MetricFamily& family) {
  if (family.type != MetricType::Histogram && family.type != MetricType::Summary)
    return family.metric.size();
  std::size_t series = 0;
  for (const prometheus::ClientMetric& metric : family.metric)
    series += 2 + metric.histogram.bucket.size() + metric.summary.quantile.size();  // sum and count
  return series;
}

std::vector<DroppedFamily> SeriesLimit::Apply(std::vector<MetricFamily>& families) {
  std::vector<DroppedFamily> dropped;
  std::size_t all = 0;
  for (MetricFamily& family : families) {
    if (const std::size_t long_ones = std::erase_if(family.metric, HasLongLabel); long_ones > 0)
      dropped.push_back({family.name, long_ones});
    all += SeriesOf(family);
  }
  if (all <= most_) {
    for (const MetricFamily& family : families) usual_[family.name] = SeriesOf(family);
    return dropped;
  }
  struct Growth {
    MetricFamily* family;
    std::size_t series, growth;
  };
  std::vector<Growth> grown;
  for (MetricFamily& family : families) {
    const std::size_t series = SeriesOf(family), usual = usual_[family.name];
    grown.push_back({&family, series, series - std::min(series, usual)});
  }
  std::ranges::stable_sort(grown, std::greater(), &Growth::growth);
  for (const Growth& one : grown) {
    if (all <= most_) break;
    all -= one.series;
    dropped.push_back({one.family->name, one.series});
    one.family->metric.clear();
  }
  return dropped;
}

}  // namespace tierwatch
