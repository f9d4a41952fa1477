// What the HTTP server answers: paths and their handlers.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "exporter/api/alertmanager.h"
#include "exporter/api/api.h"
#include "exporter/exposition.h"
#include "exporter/http_server.h"

namespace tierwatch {

/// What the handlers read. All functions are called from many threads at once.
struct WebSource {
  std::function<std::shared_ptr<const Page>()> page;
  std::function<bool()> ready;
  std::function<Result<void>()> reload;
  std::function<std::string()> overview;  // the page at "/"
  api::ApiSource api;
  Notifier& notifier;
};

/// /, /metrics, /-/healthy, /-/ready, /-/reload, /api/v1/….
std::vector<Endpoint> MakeEndpoints(WebSource source);

}  // namespace tierwatch
