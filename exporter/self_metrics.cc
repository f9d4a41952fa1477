#include "exporter/self_metrics.h"

#include "build_info.inc"

namespace tierwatch {
namespace {

using prometheus::MetricType;

constexpr MetricInfo kBuildInfo{"tierwatch_build_info",
                                MetricType::Gauge,
                                "1; the labels say what runs.",
                                {"version", "revision"}};
constexpr MetricInfo kTargets{"tierwatch_targets", MetricType::Gauge, "Targets that are watched."};
constexpr MetricInfo kThreads{"tierwatch_sampling_threads", MetricType::Gauge,
                              "Threads that sample targets at this moment."};
constexpr MetricInfo kDropped{
    "tierwatch_exposition_dropped_metrics", MetricType::Gauge,
    "Metrics left out of the page because the text format forbids them or they occurred twice."};
constexpr MetricInfo kMetrics[] = {kBuildInfo, kTargets, kThreads, kDropped};

}  // namespace

std::span<const MetricInfo> SelfMetrics() { return kMetrics; }

std::vector<prometheus::MetricFamily> SelfSource::Collect() const {
  const SelfNumbers numbers = read_();
  FamilySet set;
  set.Add(kBuildInfo, {TIERWATCH_VERSION, TIERWATCH_REVISION}, 1);
  set.Add(kTargets, {}, static_cast<double>(numbers.targets));
  set.Add(kThreads, {}, static_cast<double>(numbers.worker_threads));
  set.Add(kDropped, {}, static_cast<double>(numbers.page_dropped));
  return std::move(set).Take();
}

}  // namespace tierwatch
