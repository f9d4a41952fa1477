// targets, scrape_pools, metadata, targets/metadata and statements: what is sampled and what it
// gives.
#pragma once

#include <functional>
#include <vector>

#include "exporter/http_server.h"
#include "exporter/runner.h"

namespace tierwatch::api {

/// A scrape pool is a collector: its targets are sampled rather than scraped. Metadata is that of
/// the metrics which the collectors declare; it has no units. Source:
/// prometheus/web/api/v1/api.go. `statements` is ours: what the label `queryid` stands for, of the
/// targets that are to tell (`texts: true`), with the parameters `database` and `queryid` those
/// alone. `targets` is called from many threads.
std::vector<Endpoint> TargetEndpoints(std::function<std::vector<TargetStatus>()> targets);

}  // namespace tierwatch::api
