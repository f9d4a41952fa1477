#include "demo/workload.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "demo/pause.h"

namespace tierwatch::demo {

Zipf::Zipf(std::size_t count, double exponent) : cumulative_(count) {
  double sum = 0;
  for (std::size_t rank = 0; rank < count; ++rank) {
    sum += 1 / std::pow(static_cast<double>(rank + 1), exponent);
    cumulative_[rank] = sum;
  }
}

std::size_t Zipf::operator()(std::mt19937_64& random) const {
  const double drawn = std::uniform_real_distribution<double>(0, cumulative_.back())(random);
  const auto at = std::upper_bound(cumulative_.begin(), cumulative_.end() - 1, drawn);
  return static_cast<std::size_t>(at - cumulative_.begin());
}

CacheKey KeyOfRank(std::size_t rank) {
  return {.owner = fmt::format("org:{}", rank), .name = "profile"};
}

Workload::Workload(WorkloadOptions options, TieredCache& cache, Origin& origin, const Clock& clock)
    : options_(options),
      zipf_(options.organizations, options.exponent),
      cache_(cache),
      origin_(origin),
      clock_(clock) {}

void Workload::Request(std::mt19937_64& random) {
  const CacheKey key = KeyOfRank(zipf_(random));
  if (std::uniform_real_distribution<double>(0, 1)(random) < options_.write_ratio) {
    origin_.Save(key.owner);
    cache_.Invalidate(key.owner);
    return;
  }
  // The origin never refuses; a user would be shown the error otherwise.
  (void)cache_.Get(key, [this](const CacheKey& wanted) { return origin_.Load(wanted); });
}

void Workload::Start() {
  for (int thread = 0; thread < options_.threads; ++thread) {
    threads_.emplace_back([this, thread](std::stop_token stop) { Run(stop, thread); });
  }
}

void Workload::Run(std::stop_token stop, int thread) {
  std::mt19937_64 random(static_cast<std::uint64_t>(thread) + 1);
  const auto seconds = [](double s) {
    return std::chrono::duration_cast<SteadyTime::duration>(std::chrono::duration<double>(s));
  };
  const auto period = seconds(options_.threads / options_.requests_per_second);
  SteadyTime next = clock_.Steady() + seconds(thread / options_.requests_per_second);
  while (!stop.stop_requested()) {
    const SteadyTime now = clock_.Steady();
    next = std::max(next, now);
    if (!Pause(stop, next - now)) return;
    Request(random);
    next += period;
  }
}

}  // namespace tierwatch::demo
