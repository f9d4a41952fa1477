#include "demo/latency_window.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace tierwatch::demo {
namespace {

constexpr std::size_t kMostMeasured = 4'096;

/// The smallest value that at least `ratio` of all are not above. Reorders `values`, which is not
/// empty.
double NearestRank(std::vector<double>& values, double ratio) {
  const auto rank = static_cast<std::size_t>(std::ceil(ratio * static_cast<double>(values.size())));
  const auto nth = values.begin() + static_cast<std::ptrdiff_t>(std::max<std::size_t>(rank, 1) - 1);
  std::nth_element(values.begin(), nth, values.end());
  return *nth;
}

}  // namespace

void LatencyWindow::Add(SteadyTime at, std::chrono::nanoseconds took) {
  measured_.push_back({at, static_cast<double>(took.count()) / 1e6});
  while (measured_.size() > kMostMeasured || measured_.front().at + span_ < at) {
    measured_.pop_front();
  }
}

std::optional<LatencyPercentiles> LatencyWindow::At(SteadyTime now) const {
  std::vector<double> values;
  values.reserve(measured_.size());
  for (const Measured& one : measured_) {
    if (one.at + span_ >= now) values.push_back(one.millis);
  }
  if (values.empty()) return std::nullopt;
  LatencyPercentiles result;
  result.p50 = NearestRank(values, 0.50);
  result.p95 = NearestRank(values, 0.95);
  return result;
}

}  // namespace tierwatch::demo
