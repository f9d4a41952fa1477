// Alertmanager's HTTP API under /api/v2/: alerts, groups, silences, receivers, status; and what was
// sent, which only tierwatch tells.
#pragma once

#include <vector>

#include "alerts/notify/notifier.h"
#include "base/clock.h"
#include "exporter/http_server.h"

namespace tierwatch::api {

/// What is referred to must outlive the endpoints. Source of paths, bodies and errors:
/// alertmanager/api/v2/openapi.yaml; amtool and Grafana work with it.
std::vector<Endpoint> AlertmanagerEndpoints(Notifier& notifier, const Clock& clock);

}  // namespace tierwatch::api
