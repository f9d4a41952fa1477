// Metric families made from a declared table, so that names, labels and help can't differ between
// code, page and docs.
#pragma once

#include <prometheus/metric_family.h>

#include <array>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace tierwatch {

/// One metric as the code declares it. `labels` are its own ones, in the order that Add takes their
/// values; `service`, `target` and the entry's labels are added to all metrics of a batch by the
/// reader.
struct MetricInfo {
  std::string_view name;
  prometheus::MetricType type;
  std::string_view help;
  std::array<std::string_view, 4> labels{};
};

/// Collects samples into families, in the order in which families first occur. Not thread-safe.
class FamilySet {
 public:
  /// Adds a sample; one value for each label of `info`. A label with an empty value is left out.
  void Add(const MetricInfo& info, std::initializer_list<std::string_view> label_values,
           double value);
  /// Adds a sample of a histogram: cumulative buckets as prometheus-cpp has them, the last one
  /// +Inf.
  void AddHistogram(const MetricInfo& info, std::initializer_list<std::string_view> label_values,
                    prometheus::ClientMetric::Histogram histogram);

  std::vector<prometheus::MetricFamily> Take() && { return std::move(families_); }

 private:
  prometheus::ClientMetric& AddMetric(const MetricInfo& info,
                                      std::initializer_list<std::string_view> values);

  std::vector<prometheus::MetricFamily> families_;
  std::unordered_map<std::string_view, std::size_t>
      index_;  // by MetricInfo::name, which lives for ever
};

}  // namespace tierwatch
