// The time that a network hop or a query takes: log-normal, and really spent.
#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <random>

namespace tierwatch::demo {

using Micros = std::chrono::microseconds;

/// Lets time pass for the calling thread: the process sleeps, a test moves its clock.
using Spend = std::function<void(Micros)>;

/// A latency as its users know it. Both zero: no time at all.
struct Latency {
  Micros p50{0};
  Micros p95{0};
};

/// Thread-safe; the same seed gives the same delays.
class Delay {
 public:
  Delay(Latency latency, Spend spend, std::uint64_t seed);
  /// Spends one delay drawn at random, and `extra`.
  void Take(Micros extra = Micros(0));

 private:
  Micros Draw();

  const Latency latency_;
  const Spend spend_;
  std::mutex mutex_;
  std::mt19937_64 random_;
  std::lognormal_distribution<double> distribution_;
};

}  // namespace tierwatch::demo
