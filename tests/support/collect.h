// Collectors in tests as the process would make them: from an entry of the configuration to a page.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "base/yaml.h"
#include "collectors/collector.h"

namespace tierwatch {

/// The collector of an entry's one target, with connections of its own or those of `shared`;
/// findings fail the test.
template <class Read>
Target MakeTarget(Read read, const std::string& yaml, CollectorResources* shared = nullptr) {
  Diagnostics diagnostics;
  const auto node = YamlNode::Parse(yaml, "entry.yml", diagnostics);
  CollectorResources own;
  CollectorResources& resources = shared != nullptr ? *shared : own;
  std::optional<CollectorEntry> entry;
  if (node) {
    YamlMap map(*node, "entry", diagnostics);
    entry = read(map, "orgs", resources);
  }
  EXPECT_TRUE(diagnostics.empty()) << diagnostics.ToString();
  if (!entry || entry->addresses.empty()) return {};
  Result<Target> target = entry->make(entry->addresses.front());
  EXPECT_TRUE(target.ok());
  return *std::move(target);
}

inline Sample CollectOnce(const Target& target, const Clock& clock,
                          Millis timeout = Millis{5'000}) {
  return target.collector->Collect({clock, clock.Steady() + timeout, {}});
}

/// What the runner does once a sample is published.
inline void AfterSample(const Target& target, const Clock& clock, Millis timeout = Millis{5'000}) {
  target.collector->AfterSample({clock, clock.Steady() + timeout, {}});
}

/// The value of the metric that has this name and, among its labels' values, all of `labels`;
/// nothing where there is no such metric.
inline std::optional<double> ValueOf(const std::vector<prometheus::MetricFamily>& families,
                                     const std::string& name,
                                     const std::vector<std::string>& labels = {}) {
  for (const auto& family : families) {
    if (family.name != name) continue;
    for (const auto& metric : family.metric) {
      const auto has = [&](const std::string& value) {
        return std::any_of(metric.label.begin(), metric.label.end(),
                           [&](const auto& label) { return label.value == value; });
      };
      if (!std::all_of(labels.begin(), labels.end(), has)) continue;
      return family.type == prometheus::MetricType::Counter ? metric.counter.value
                                                            : metric.gauge.value;
    }
  }
  return std::nullopt;
}
inline std::optional<double> ValueOf(const Sample& sample, const std::string& name,
                                     const std::vector<std::string>& labels = {}) {
  return ValueOf(sample.families, name, labels);
}

inline bool HasError(const Sample& sample, Reason reason) {
  return std::any_of(sample.errors.begin(), sample.errors.end(),
                     [&](const Error& error) { return error.reason == reason; });
}

inline std::string ErrorsOf(const Sample& sample) {
  std::string text;
  for (const Error& error : sample.errors) text += error.message + "\n";
  return text;
}

}  // namespace tierwatch
