// An instance of the watched application: GETs of its health endpoints.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/http_client.h"
#include "collectors/collector.h"

namespace tierwatch {

/// `url` may end in a path, which comes before every path that is asked for.
class Backend {
 public:
  Backend(std::string url, HttpOptions options);

  /// Any answer with a status line. Errors: those of HttpClient. `kept`: see SampleContext.
  Result<HttpResponse> Get(std::string_view path, Millis timeout, std::stop_token stop,
                           std::function<void(int socket)> kept = {});

 private:
  std::string url_;
  HttpClient client_;
};

/// What a status outside 2xx means: 401 and 403 kAuth, others kOther.
Error StatusError(int status);

/// Reads the keys that all collectors of backends have: `targets` and `http`.
struct BackendKeys {
  std::vector<std::string> targets;
  HttpOptions http;
};
BackendKeys ReadBackendKeys(YamlMap& entry);

/// Where a backend of another shape has its figures: JSON pointers by the name of a figure.
using JsonPointers = std::map<std::string, std::string, std::less<>>;

/// Reads a map of JSON pointers whose keys are among `names`; what is wrong is reported.
JsonPointers ReadPointers(YamlMap& entry, std::string_view key,
                          std::span<const std::string_view> names);

/// The label `target` of a backend's URL.
Result<std::string> BackendName(const std::string& url);

}  // namespace tierwatch
