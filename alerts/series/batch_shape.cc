#include "alerts/series/batch_shape.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/float_text.h"

namespace tierwatch::series {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

bool LacksInfinity(const ClientMetric::Histogram& histogram) {
  return histogram.bucket.empty() || !std::isinf(histogram.bucket.back().upper_bound);
}

// The bounds of a metric's buckets or quantiles, as its series have them.
std::vector<double> Bounds(MetricType type, const ClientMetric& metric) {
  std::vector<double> bounds;
  if (type == MetricType::Histogram) {
    for (const auto& bucket : metric.histogram.bucket) bounds.push_back(bucket.upper_bound);
    if (LacksInfinity(metric.histogram)) bounds.push_back(std::numeric_limits<double>::infinity());
  } else if (type == MetricType::Summary) {
    for (const auto& quantile : metric.summary.quantile) bounds.push_back(quantile.quantile);
  }
  return bounds;
}

bool SameBits(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

void TakeHistogram(const ClientMetric::Histogram& histogram,
                   const std::function<void(double)>& take) {
  for (const auto& bucket : histogram.bucket) take(static_cast<double>(bucket.cumulative_count));
  if (LacksInfinity(histogram)) take(static_cast<double>(histogram.sample_count));
  take(histogram.sample_sum);
  take(static_cast<double>(histogram.sample_count));
}

void TakeSummary(const ClientMetric::Summary& summary, const std::function<void(double)>& take) {
  for (const auto& quantile : summary.quantile) take(quantile.value);
  take(summary.sample_sum);
  take(static_cast<double>(summary.sample_count));
}

Labels MetricLabels(const Batch& batch, const Labels& self_labels, const ClientMetric& metric) {
  std::vector<Label> labels(self_labels.begin(), self_labels.end());
  labels.insert(labels.end(), batch.target_labels.begin(), batch.target_labels.end());
  for (const auto& label : metric.label) {
    if (!label.value.empty()) labels.push_back({label.name, label.value});
  }
  return Labels(std::move(labels));
}

}  // namespace

void ForEachValue(const Batch& batch, const std::function<void(double)>& take) {
  for (const MetricFamily& family : batch.families) {
    for (const ClientMetric& metric : family.metric) {
      switch (family.type) {
        case MetricType::Counter:
          take(metric.counter.value);
          break;
        case MetricType::Gauge:
          take(metric.gauge.value);
          break;
        case MetricType::Untyped:
          take(metric.untyped.value);
          break;
        case MetricType::Histogram:
          TakeHistogram(metric.histogram, take);
          break;
        case MetricType::Summary:
          TakeSummary(metric.summary, take);
          break;
      }
    }
  }
}

void ForEachSeries(const Batch& batch, const Labels& self_labels,
                   const std::function<void(Labels)>& take) {
  for (const MetricFamily& family : batch.families) {
    const bool histogram = family.type == MetricType::Histogram;
    const bool many = histogram || family.type == MetricType::Summary;
    for (const ClientMetric& metric : family.metric) {
      const Labels labels = MetricLabels(batch, self_labels, metric);
      const auto named = [&](const std::string& suffix) {
        Labels result = labels;
        result.Set(kMetricName, family.name + suffix);
        return result;
      };
      if (!many) {
        take(named(""));
        continue;
      }
      for (const double bound : Bounds(family.type, metric)) {
        Labels result = named(histogram ? "_bucket" : "");
        result.Set(histogram ? "le" : "quantile", FloatLabel(bound));
        take(std::move(result));
      }
      take(named("_sum"));
      take(named("_count"));
    }
  }
}

BatchShape::BatchShape(const Batch& batch) {
  for (const MetricFamily& family : batch.families) {
    Family& shape = families_.emplace_back(Family{family.name, family.type, {}});
    for (const ClientMetric& metric : family.metric) {
      shape.metrics.push_back({metric.label, Bounds(family.type, metric)});
    }
  }
}

bool BatchShape::Fits(const Batch& batch) const {
  const auto same_metric = [](MetricType type, const Metric& shape, const ClientMetric& metric) {
    if (shape.labels != metric.label) return false;
    if (shape.bounds.empty() && type != MetricType::Histogram && type != MetricType::Summary)
      return true;
    const std::vector<double> bounds = Bounds(type, metric);
    return std::equal(shape.bounds.begin(), shape.bounds.end(), bounds.begin(), bounds.end(),
                      SameBits);
  };
  const auto same_family = [&](const Family& shape, const MetricFamily& family) {
    return shape.name == family.name && shape.type == family.type &&
           std::equal(shape.metrics.begin(), shape.metrics.end(), family.metric.begin(),
                      family.metric.end(), [&](const Metric& a, const ClientMetric& b) {
                        return same_metric(shape.type, a, b);
                      });
  };
  return std::equal(families_.begin(), families_.end(), batch.families.begin(),
                    batch.families.end(), same_family);
}

}  // namespace tierwatch::series
