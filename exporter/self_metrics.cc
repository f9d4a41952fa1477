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
constexpr MetricInfo kSeries{"tierwatch_store_series", MetricType::Gauge,
                             "Series that are kept for rules and queries."};
constexpr MetricInfo kSamples{"tierwatch_store_samples", MetricType::Gauge, "Their samples."};
constexpr MetricInfo kBytes{"tierwatch_store_bytes",
                            MetricType::Gauge,
                            "Memory that they take: labels and index, recent samples as they are, "
                            "packed ones, and those with times of their own.",
                            {"part"}};
constexpr MetricInfo kRefused{"tierwatch_store_refused_samples_total", MetricType::Counter,
                              "Samples that were out of order, or of series beyond the limit."};
constexpr MetricInfo kForgone{
    "tierwatch_store_dropped_samples_total", MetricType::Counter,
    "Samples younger than the retention that were dropped to keep to storage.max_bytes."};
constexpr MetricInfo kMetrics[] = {kBuildInfo, kTargets, kThreads, kDropped, kSeries,
                                   kSamples,   kBytes,   kRefused, kForgone};

}  // namespace

std::span<const MetricInfo> SelfMetrics() { return kMetrics; }

std::vector<prometheus::MetricFamily> SelfSource::Collect() const {
  const SelfNumbers numbers = read_();
  FamilySet set;
  set.Add(kBuildInfo, {TIERWATCH_VERSION, TIERWATCH_REVISION}, 1);
  set.Add(kTargets, {}, static_cast<double>(numbers.targets));
  set.Add(kThreads, {}, static_cast<double>(numbers.worker_threads));
  set.Add(kDropped, {}, static_cast<double>(numbers.page_dropped));
  const series::StoreStats& store = numbers.store;
  set.Add(kSeries, {}, static_cast<double>(store.series));
  set.Add(kSamples, {}, static_cast<double>(store.samples));
  set.Add(kBytes, {"index"}, static_cast<double>(store.index_bytes));
  set.Add(kBytes, {"recent"}, static_cast<double>(store.tail_bytes));
  set.Add(kBytes, {"packed"}, static_cast<double>(store.sealed_bytes));
  set.Add(kBytes, {"loose"}, static_cast<double>(store.loose_bytes));
  set.Add(kRefused, {}, static_cast<double>(store.refused));
  set.Add(kForgone, {}, static_cast<double>(store.dropped_for_bytes));
  return std::move(set).Take();
}

}  // namespace tierwatch
