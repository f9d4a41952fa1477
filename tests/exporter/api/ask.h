// Asks an endpoint of the API as the server would.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/http_server.h"

namespace tierwatch::api {

/// The endpoint /api/v1/`path`; 404 where there is none. With a `body` it is a POST of a form.
inline HttpReply Ask(const std::vector<Endpoint>& endpoints, std::string_view path,
                     const std::string& query, const std::string& body = "",
                     std::string_view path_parameter = {}) {
  const auto at = std::find_if(endpoints.begin(), endpoints.end(), [&](const Endpoint& endpoint) {
    return endpoint.path == "/api/v1/" + std::string(path);
  });
  if (at == endpoints.end()) return HttpReply::Of(404, "text/plain", "no such endpoint");
  ServerRequest request;
  request.method = body.empty() ? "GET" : "POST";
  request.path_parameter = path_parameter;
  request.query = query;
  request.body = body;
  if (!body.empty()) {
    request.headers = {{"content-type", "application/x-www-form-urlencoded; charset=UTF-8"}};
  }
  return at->handler(request);
}

}  // namespace tierwatch::api
