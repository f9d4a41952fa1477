// Prometheus's HTTP API under /api/v1/: all of its endpoints.
#pragma once

#include <functional>
#include <stop_token>
#include <vector>

#include "alerts/promql/promql.h"
#include "alerts/rules/group.h"
#include "alerts/series/store.h"
#include "base/clock.h"
#include "exporter/api/status.h"
#include "exporter/http_server.h"
#include "exporter/runner.h"

namespace tierwatch::api {

/// What the endpoints read; it outlives them. Functions are called from many threads at once.
struct ApiSource {
  const promql::Engine& engine;
  const series::Store& store;
  const Clock& clock;
  std::function<std::vector<GroupStatus>()> groups;
  std::function<std::vector<TargetStatus>()> targets;
  std::function<ReloadStatus()> reloads;
  Setup setup;
  std::stop_token stop{};  // ends queries under way
};

/// Source of paths, parameters, answers and errors: prometheus.io/docs/prometheus/latest/querying/
/// api and prometheus/web/api/v1.
std::vector<Endpoint> ApiEndpoints(const ApiSource& source);

}  // namespace tierwatch::api
