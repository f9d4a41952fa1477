// What holds of every sample, whatever it was made from: for fuzz targets.
#pragma once

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <string>

#include "base/labels.h"
#include "collectors/collector.h"

namespace tierwatch {

inline void Require(bool holds, const std::string& what) {
  if (holds) return;
  std::fprintf(stderr, "broken: %s\n", what.c_str());
  std::abort();
}

struct SampleBounds {
  std::size_t series = 512;  // of one family
  bool infinite_gauges = false;
};

/// Families and series occur once; label values are bounded UTF-8; numbers are numbers, finite but
/// where gauges may be infinite, counters not below zero; buckets never fall; what is not up says
/// why.
inline void CheckSample(const Sample& sample, const SampleBounds& bounds = {}) {
  Require(sample.up || !sample.errors.empty(), "down without a reason");
  for (const Error& error : sample.errors) Require(error.message.size() < 1000, "a long message");
  std::set<std::string> families;
  for (const prometheus::MetricFamily& family : sample.families) {
    Require(families.insert(family.name).second, "family twice: " + family.name);
    std::set<std::string> series;
    Require(family.metric.size() <= bounds.series, "too many series: " + family.name);
    for (const prometheus::ClientMetric& metric : family.metric) {
      std::vector<Label> labels;
      for (const prometheus::ClientMetric::Label& label : metric.label) {
        Require(label.value.size() <= 256 && IsUtf8(label.value), "label value of " + family.name);
        labels.push_back({label.name, label.value});
      }
      Require(series.insert(Labels(labels).ToString()).second, "series twice: " + family.name);
      Require(std::isfinite(metric.gauge.value) ||
                  (bounds.infinite_gauges && std::isinf(metric.gauge.value)),
              family.name);
      Require(std::isfinite(metric.counter.value), family.name);
      Require(metric.counter.value >= 0, "counter below zero: " + family.name);
      std::uint64_t last = 0;
      for (const prometheus::ClientMetric::Bucket& bucket : metric.histogram.bucket) {
        Require(bucket.cumulative_count >= last, "buckets of " + family.name);
        last = bucket.cumulative_count;
      }
    }
  }
}

}  // namespace tierwatch
