#include "demo/backend_server.h"

#include <array>
#include <string_view>
#include <utility>

#include "demo/backend_json.h"

namespace tierwatch::demo {
namespace {

struct Endpoint {
  std::string_view path;
  std::string (*render)(Backend&);
};

constexpr std::array<Endpoint, 6> kEndpoints{{
    {"/cache/health", [](Backend& b) { return CacheHealthJson(b.Cache(), b.Now(), b.Uptime()); }},
    {"/database/replicas/status",
     [](Backend& b) { return ReplicasStatusJson(b.Database(), b.Now()); }},
    {"/database/replicas/health",
     [](Backend& b) { return ReplicasHealthJson(b.Database(), b.Now()); }},
    {"/database/replicas/lag", [](Backend& b) { return ReplicasLagJson(b.Database(), b.Now()); }},
    {"/database/connection-pool/stats",
     [](Backend& b) { return PoolStatsJson(b.Database(), b.Now()); }},
    {"/monitoring/dashboard",
     [](Backend& b) { return DashboardJson(b.Cache(), b.Database(), b.Now()); }},
}};

Reply Answer(Backend& backend, const Request& request) {
  if (request.method != "GET" && request.method != "HEAD") {
    return {.status = 405, .content_type = "text/plain", .body = "only GET\n"};
  }
  for (const Endpoint& endpoint : kEndpoints) {
    if (endpoint.path == request.path) {
      return {.status = 200, .content_type = "application/json", .body = endpoint.render(backend)};
    }
  }
  return {.status = 404, .content_type = "text/plain", .body = "no such endpoint\n"};
}

}  // namespace

Result<std::unique_ptr<HttpListener>> ServeBackend(const std::string& address, Backend& backend) {
  return HttpListener::Start(
      address, [&backend](const Request& request) { return Answer(backend, request); });
}

}  // namespace tierwatch::demo
