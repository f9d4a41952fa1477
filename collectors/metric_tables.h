// Tables of metrics at compile time: what a collector declares, made from the tables that it reads
// by.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <initializer_list>
#include <span>
#include <string_view>
#include <vector>

#include "base/metric.h"

namespace tierwatch {

constexpr MetricInfo Gauge(std::string_view name, std::string_view help,
                           std::array<std::string_view, 4> labels = {}) {
  return {name, prometheus::MetricType::Gauge, help, labels};
}

/// The metrics of a table whose rows have a `metric`.
template <class Row, std::size_t N>
constexpr std::array<MetricInfo, N> MetricsOf(const std::array<Row, N>& table) {
  std::array<MetricInfo, N> metrics{};
  std::transform(table.begin(), table.end(), metrics.begin(),
                 [](const Row& row) { return row.metric; });
  return metrics;
}

/// Tables of metrics as one, in this order.
template <std::size_t... N>
constexpr std::array<MetricInfo, (N + ...)> JoinMetrics(
    const std::array<MetricInfo, N>&... tables) {
  std::array<MetricInfo, (N + ...)> all{};
  auto end = all.begin();
  ((end = std::copy(tables.begin(), tables.end(), end)), ...);
  return all;
}

/// The metrics of parts as one, in this order.
inline std::vector<MetricInfo> JoinMetrics(
    std::initializer_list<std::span<const MetricInfo>> parts) {
  std::vector<MetricInfo> all;
  for (const auto part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

}  // namespace tierwatch
