#include "demo/delay.h"

#include <cmath>
#include <utility>

namespace tierwatch::demo {
namespace {

// A log-normal's median is e^mu, and its 95th percentile e^(mu + 1.645 sigma).
constexpr double kNormal95 = 1.6448536;

std::lognormal_distribution<double> Fit(Latency latency) {
  if (latency.p50.count() <= 0) return {};
  const double median = static_cast<double>(latency.p50.count());
  const double p95 = static_cast<double>(latency.p95.count());
  return std::lognormal_distribution<double>(std::log(median), std::log(p95 / median) / kNormal95);
}

}  // namespace

Delay::Delay(Latency latency, Spend spend, std::uint64_t seed)
    : latency_(latency), spend_(std::move(spend)), random_(seed), distribution_(Fit(latency)) {}

void Delay::Take(Micros extra) {
  const Micros total = Draw() + extra;
  if (total.count() > 0) spend_(total);
}

Micros Delay::Draw() {
  if (latency_.p50.count() <= 0) return Micros(0);
  std::lock_guard lock(mutex_);
  // The tail is cut where nobody would wait on: a demo must not stall on one draw in a million.
  const double most = 4.0 * static_cast<double>(latency_.p95.count());
  return Micros(static_cast<std::int64_t>(std::min(distribution_(random_), most)));
}

}  // namespace tierwatch::demo
