// The backend's endpoints over HTTP: what tierwatch samples.
#pragma once

#include <memory>
#include <string>

#include "demo/backend.h"
#include "demo/http_listener.h"

namespace tierwatch::demo {

/// Serves /cache/health, /database/replicas/{status,health,lag}, /database/connection-pool/stats
/// and /monitoring/dashboard on `address` ("127.0.0.1:4000", port 0 for any). `backend` outlives
/// the listener.
Result<std::unique_ptr<HttpListener>> ServeBackend(const std::string& address, Backend& backend);

}  // namespace tierwatch::demo
