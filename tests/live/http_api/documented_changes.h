// A request to Prometheus's HTTP API, what came back from two servers, and which differences are
// right.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace tierwatch {

struct ApiRequest {
  std::string path;  // below /api/v1/, and the query
  std::string method = "GET";
  std::string body{};  // a form
};

struct ApiAnswer {
  int status = 0;
  nlohmann::json body;  // null where it isn't JSON
};

/// True where the answers differ as a table of changes since Prometheus 2.42 says that they must.
bool IsDocumented(const ApiRequest& request, const ApiAnswer& theirs, const ApiAnswer& ours);

}  // namespace tierwatch
