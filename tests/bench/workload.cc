#include "tests/bench/workload.h"

#include <fmt/format.h>
#include <prometheus/metric_family.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace tierwatch {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricType;

constexpr std::array kTiers = {"l1", "l2", "redis", "pg"};
constexpr std::array kBounds = {0.001,
                                0.005,
                                0.01,
                                0.025,
                                0.05,
                                0.1,
                                0.25,
                                0.5,
                                1.0,
                                2.5,
                                std::numeric_limits<double>::infinity()};
constexpr double kLifeSeconds = 86'400;

// A number in [0, 1) that is random in all of its arguments. Source of the mixing: splitmix64.
double Unit(std::uint64_t seed, std::uint64_t series, std::uint64_t slot) {
  std::uint64_t x = seed * 0x9e3779b97f4a7c15 + series * 0xbf58476d1ce4e5b9 + slot;
  for (const std::uint64_t factor : {0xbf58476d1ce4e5b9, 0x94d049bb133111eb}) {
    x = (x ^ (x >> 30)) * factor;
  }
  return static_cast<double>((x ^ (x >> 31)) >> 11) * 0x1p-53;
}

double Between(double low, double high, double unit) {  // even on a logarithmic scale
  return low * std::pow(high / low, unit);
}

// One tier of one instance at one moment.
class Subject {
 public:
  Subject(std::uint64_t seed, std::size_t instance, std::size_t tier, double seconds)
      : seed_(seed),
        id_(instance * kTiers.size() + tier),
        bad_instance_(instance % 100 == 0),
        since_(std::fmod(seconds + Unit(seed, instance, 7) * kLifeSeconds, kLifeSeconds)),
        seconds_(seconds) {}

  double ErrorRate() const {
    if (Bad()) return 0.02;
    const double slot = std::floor(seconds_ / 60);
    const bool constant = id_ % 2 == 0;
    const double left = Random(0, constant ? 0 : slot);
    const double right = constant ? left : Random(0, slot + 1);
    const double level = left + (right - left) * (seconds_ / 60 - slot);
    return std::round((0.001 + 0.008 * level) * 1e5) / 1e5;
  }
  double Requests() const { return Count(1, Bad() ? 40 : Between(0.002, 15, Random(1))); }
  double Hits() const { return Count(2, HitRate()); }
  double Misses() const {
    return Count(3, HitRate() * (bad_instance_ ? 4 : Between(0.01, 0.4, Random(3))));
  }
  ClientMetric::Histogram Latency() const {
    const double rate = Between(0.01, 20, Random(4));
    const double center = Bad() ? 8 : std::floor(1 + Random(5) * 4);
    ClientMetric::Histogram histogram;
    double total = 0;
    for (std::size_t i = 0; i < kBounds.size(); ++i) {
      const double distance = (static_cast<double>(i) - center) / 0.8;
      const double share = std::exp(-0.5 * distance * distance) / 2;
      const double count = share < 0.001 ? 0 : Count(10 + i, rate * share);
      total += count;
      histogram.sample_sum += count * std::min(kBounds[i], 5.0) * (0.5 + 0.4 * Random(10 + i));
      histogram.bucket.push_back({static_cast<std::uint64_t>(total), kBounds[i]});
    }
    histogram.sample_count = static_cast<std::uint64_t>(total);
    return histogram;
  }

 private:
  bool Bad() const { return id_ % 100 == 0; }
  double HitRate() const { return Between(0.5, 50, Random(2)); }
  double Random(std::size_t which, double slot = 0) const {
    return Unit(seed_, id_ * 32 + which, static_cast<std::uint64_t>(slot));
  }
  // Never falls within a life: the jitter of a second is less than what the next one adds.
  double Count(std::size_t which, double rate) const {
    const double second = std::floor(since_);
    return std::floor(rate * (second + 0.9 * Random(which, second)));
  }

  std::uint64_t seed_;
  std::uint64_t id_;
  bool bad_instance_;
  double since_;  // seconds since the instance began its life
  double seconds_;
};

}  // namespace

Workload::Workload(WorkloadOptions options)
    : options_(options),
      instances_(std::max<std::size_t>(1, options.series / kSeriesPerInstance)) {}

Labels Workload::TargetLabels(std::size_t target) const {
  return {{"target", fmt::format("t{:03}", target)}};
}

Batch Workload::Sample(std::size_t target, TimestampMs time) const {
  Batch batch{"bench", TargetLabels(target), time, true, {}};
  batch.families = {{"error_rate", "Share of requests that failed.", MetricType::Gauge, {}},
                    {"x_total", "Requests.", MetricType::Counter, {}},
                    {"hits", "Hits.", MetricType::Counter, {}},
                    {"misses", "Misses.", MetricType::Counter, {}},
                    {"b", "Latency.", MetricType::Histogram, {}}};
  const double seconds = static_cast<double>(time) / 1000 * options_.speed;
  for (std::size_t i = target; i < instances_; i += options_.targets) {
    for (std::size_t tier = 0; tier < kTiers.size(); ++tier) {
      const Subject subject(options_.seed, i, tier, seconds);
      for (prometheus::MetricFamily& family : batch.families) {
        family.metric.emplace_back().label = {{"instance", fmt::format("i{:05}", i)},
                                              {"tier", kTiers[tier]}};
      }
      batch.families[0].metric.back().gauge.value = subject.ErrorRate();
      batch.families[1].metric.back().counter.value = subject.Requests();
      batch.families[2].metric.back().counter.value = subject.Hits();
      batch.families[3].metric.back().counter.value = subject.Misses();
      batch.families[4].metric.back().histogram = subject.Latency();
    }
  }
  return batch;
}

}  // namespace tierwatch
