// query and query_range, and what else is done with an expression: format_query, parse_query,
// query_exemplars.
#pragma once

#include <stop_token>
#include <vector>

#include "alerts/promql/promql.h"
#include "alerts/series/queryable.h"
#include "base/clock.h"
#include "exporter/http_server.h"

namespace tierwatch::api {

/// Source: prometheus/web/api/v1/api.go, with Prometheus's default limits: 20 queries at once,
/// others wait; a query may take 2 minutes, waiting included.
struct QuerySource {
  const promql::Engine& engine;
  const series::Queryable& storage;
  const Clock& clock;
  std::stop_token stop;  // ends queries under way
};

/// What the source refers to must outlive the endpoints.
std::vector<Endpoint> QueryEndpoints(QuerySource source);

}  // namespace tierwatch::api
