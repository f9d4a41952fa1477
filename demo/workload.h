// The demo's users: organizations ask for their data, few of them most of the time, and change it
// now and then.
#pragma once

#include <cstdint>
#include <random>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "demo/origin.h"
#include "demo/tiered_cache.h"

namespace tierwatch::demo {

/// Ranks 0 … count−1 by Zipf's law: rank r is asked for in proportion to 1/(r+1)^exponent.
/// Immutable.
class Zipf {
 public:
  Zipf(std::size_t count, double exponent);
  std::size_t operator()(std::mt19937_64& random) const;

 private:
  std::vector<double> cumulative_;
};

struct WorkloadOptions {
  std::size_t organizations = 20'000;
  double exponent = 1.1;
  double requests_per_second = 300;
  double write_ratio = 0.02;
  int threads = 16;  // more than are ever busy at once: a request mostly waits
};

/// The key of the organization of a rank; rank 0 is the most wanted.
CacheKey KeyOfRank(std::size_t rank);

class Workload {
 public:
  /// All three outlive the workload.
  Workload(WorkloadOptions options, TieredCache& cache, Origin& origin, const Clock& clock);

  /// One request: a read through the cache, or a write that invalidates. Thread-safe with a
  /// `random` of one's own.
  void Request(std::mt19937_64& random);
  /// Requests at the configured rate on threads of its own, until destruction. A thread that falls
  /// behind skips what it missed instead of catching up in a burst.
  void Start();

 private:
  void Run(std::stop_token stop, int thread);

  const WorkloadOptions options_;
  const Zipf zipf_;
  TieredCache& cache_;
  Origin& origin_;
  const Clock& clock_;
  std::vector<std::jthread> threads_;
};

}  // namespace tierwatch::demo
