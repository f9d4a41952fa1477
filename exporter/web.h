// What the HTTP server answers: paths and their handlers.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "alerts/promql/promql.h"
#include "base/clock.h"
#include "exporter/exposition.h"
#include "exporter/http_server.h"

namespace tierwatch {

/// What the handlers read. All functions are called from many threads at once.
struct WebSource {
  std::function<std::shared_ptr<const Page>()> page;
  std::function<bool()> ready;
  std::function<std::string()> overview;  // the page at "/"
  const promql::Engine& engine;
  const series::Queryable& storage;
  const Clock& clock;
};

/// /, /metrics, /-/healthy, /-/ready, /api/v1/query.
std::vector<Endpoint> MakeEndpoints(WebSource source);

}  // namespace tierwatch
