// The metrics of cache_health. All are claims of the backend but `_expected` and
// `_instance_changes_total`.
#pragma once

#include "base/metric.h"

namespace tierwatch::cache_health {

inline constexpr auto kGauge = prometheus::MetricType::Gauge;
inline constexpr auto kCounter = prometheus::MetricType::Counter;

inline constexpr MetricInfo kAvailable{
    "tierwatch_cache_available", kGauge,
    "Whether the backend says that its cache as a whole is available."};
inline constexpr MetricInfo kEntries{
    "tierwatch_cache_entries", kGauge,
    "Entries in the cache as a whole, as the backend counts them."};
inline constexpr MetricInfo kTierAvailable{"tierwatch_cache_tier_available",
                                           kGauge,
                                           "Whether the backend says that the tier is available.",
                                           {"tier", "type"}};
inline constexpr MetricInfo kTierEntries{
    "tierwatch_cache_tier_entries", kGauge, "Entries in the tier.", {"tier"}};
inline constexpr MetricInfo kTierMaxEntries{
    "tierwatch_cache_tier_max_entries", kGauge, "Entries that the tier may hold.", {"tier"}};
inline constexpr MetricInfo kTierHits{
    "tierwatch_cache_tier_hits_total",
    kCounter,
    "Hits of the tier; absent where the backend does not count by tier.",
    {"tier"}};
inline constexpr MetricInfo kTierMisses{
    "tierwatch_cache_tier_misses_total",
    kCounter,
    "Misses of the tier; absent where the backend does not count by tier.",
    {"tier"}};
inline constexpr MetricInfo kTierErrors{
    "tierwatch_cache_tier_errors_total",
    kCounter,
    "Errors of the tier; absent where the backend does not count by tier.",
    {"tier"}};
inline constexpr MetricInfo kTierEvictions{"tierwatch_cache_tier_evictions_total",
                                           kCounter,
                                           "Entries that the tier gave up for want of room.",
                                           {"tier"}};
inline constexpr MetricInfo kTierLatencyP50{
    "tierwatch_cache_tier_latency_p50_seconds",
    kGauge,
    "Median latency of the tier as the backend reports it; not a true quantile.",
    {"tier"}};
inline constexpr MetricInfo kTierLatencyP95{
    "tierwatch_cache_tier_latency_p95_seconds",
    kGauge,
    "95th percentile of the tier's latency as the backend reports it; not a true quantile.",
    {"tier"}};
inline constexpr MetricInfo kHits{
    "tierwatch_cache_hits_total", kCounter,
    "Hits of the cache as a whole; withheld while several instances answer in turn."};
inline constexpr MetricInfo kMisses{
    "tierwatch_cache_misses_total", kCounter,
    "Misses of the cache as a whole; withheld while several instances answer in turn."};
inline constexpr MetricInfo kErrors{
    "tierwatch_cache_errors_total", kCounter,
    "Errors of the cache as a whole; withheld while several instances answer in turn."};
inline constexpr MetricInfo kLatencyP50{
    "tierwatch_cache_latency_p50_seconds", kGauge,
    "Median latency of the cache as the backend reports it; not a true quantile."};
inline constexpr MetricInfo kLatencyP95{
    "tierwatch_cache_latency_p95_seconds", kGauge,
    "95th percentile of the cache's latency as the backend reports it; not a true quantile."};
inline constexpr MetricInfo kLastHitTier{"tierwatch_cache_last_hit_tier",
                                         kGauge,
                                         "1 for the tier that gave the last hit, 0 for the others.",
                                         {"tier"}};
inline constexpr MetricInfo kTierExpected{
    "tierwatch_cache_tier_expected",
    kGauge,
    "1 for a tier of expected_tiering, 0 for one that is there all the same. A missing tier goes "
    "by its level (L3).",
    {"tier"}};
inline constexpr MetricInfo kInfo{
    "tierwatch_cache_info",
    kGauge,
    "Identity of the backend's cache; tiering is made from the tiers that are there.",
    {"version", "tiering", "status"}};
inline constexpr MetricInfo kStatus{
    "tierwatch_cache_status",
    kGauge,
    "1 for the status that the backend gives itself, 0 for the others.",
    {"status"}};
inline constexpr MetricInfo kDependencyHealthy{
    "tierwatch_cache_dependency_healthy",
    kGauge,
    "Whether the backend says that the dependency is healthy.",
    {"dependency"}};
inline constexpr MetricInfo kStartTime{
    "tierwatch_cache_start_time_seconds", kGauge,
    "When the answering instance was started: the answer's timestamp less its uptime."};
inline constexpr MetricInfo kTimestamp{"tierwatch_cache_answer_timestamp_seconds", kGauge,
                                       "When the backend made the answer, by its own clock."};
inline constexpr MetricInfo kInstanceChanges{
    "tierwatch_backend_instance_changes_total", kCounter,
    "How often another instance answered than before: restarts and turns of a load balancer."};

inline constexpr MetricInfo kMetrics[] = {
    kAvailable,         kEntries,     kTierAvailable, kTierEntries,    kTierMaxEntries,
    kTierHits,          kTierMisses,  kTierErrors,    kTierEvictions,  kTierLatencyP50,
    kTierLatencyP95,    kHits,        kMisses,        kErrors,         kLatencyP50,
    kLatencyP95,        kLastHitTier, kTierExpected,  kInfo,           kStatus,
    kDependencyHealthy, kStartTime,   kTimestamp,     kInstanceChanges};

}  // namespace tierwatch::cache_health
