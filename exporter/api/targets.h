// targets, scrape_pools, metadata and targets/metadata: what is sampled and what it gives.
#pragma once

#include <functional>
#include <vector>

#include "exporter/http_server.h"
#include "exporter/runner.h"

namespace tierwatch::api {

/// A scrape pool is a collector: its targets are sampled rather than scraped. Metadata is that of
/// the metrics which the collectors declare; it has no units. Source:
/// prometheus/web/api/v1/api.go. `targets` is called from many threads.
std::vector<Endpoint> TargetEndpoints(std::function<std::vector<TargetStatus>()> targets);

}  // namespace tierwatch::api
