// What the process tells of itself, besides the registries of its parts.
#pragma once

#include <prometheus/collectable.h>

#include <functional>
#include <span>
#include <vector>

#include "alerts/series/store.h"
#include "base/metric.h"

namespace tierwatch {

/// What is measured at the moment of sampling.
struct SelfNumbers {
  std::size_t targets = 0;
  std::size_t worker_threads = 0;
  std::size_t page_dropped = 0;
  series::StoreStats store{};
};

std::span<const MetricInfo> SelfMetrics();

/// Thread-safe as long as `read` is.
class SelfSource final : public prometheus::Collectable {
 public:
  explicit SelfSource(std::function<SelfNumbers()> read) : read_(std::move(read)) {}
  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  const std::function<SelfNumbers()> read_;
};

}  // namespace tierwatch
