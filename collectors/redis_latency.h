// Redis's LATENCY HISTOGRAM as a histogram of Prometheus's.
#pragma once

#include <prometheus/client_metric.h>

#include <optional>

#include "collectors/client/redis_reply.h"

namespace tierwatch {

/// Of one command's entry: [calls, n, histogram_usec, [bound in µs, count up to it, …]]. The
/// bounds, in seconds, are the same in every sample; the sum is not in the entry and is left 0 for
/// the caller to set. Nothing where the entry has no such shape, or bounds or counts that fall.
std::optional<prometheus::ClientMetric::Histogram> ParseLatencyHistogram(const RedisReply& entry);

}  // namespace tierwatch
