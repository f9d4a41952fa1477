#include "collectors/backend.h"

#include <fmt/format.h>

#include <utility>

#include "collectors/json.h"

namespace tierwatch {

Backend::Backend(std::string url, HttpOptions options)
    : url_(std::move(url)), client_(std::move(options)) {
  while (url_.ends_with('/')) url_.pop_back();
}

Result<HttpResponse> Backend::Get(std::string_view path, Millis timeout, std::stop_token stop,
                                  std::function<void(int socket)> kept) {
  HttpRequest request;
  request.url = url_ + std::string(path);
  request.headers = {{"Accept", "application/json"}};
  request.timeout = timeout;
  request.stop = std::move(stop);
  request.kept = std::move(kept);
  return client_.Send(request);
}

Error StatusError(int status) {
  const bool refused = status == 401 || status == 403;
  return Error{fmt::format("HTTP {}", status), refused ? Reason::kAuth : Reason::kOther};
}

BackendKeys ReadBackendKeys(YamlMap& entry) {
  BackendKeys keys;
  keys.targets = ReadTargets(entry, {"http", "https"});
  if (const YamlNode* http = entry.Get("http"))
    keys.http = ReadHttpOptions(*http, entry.diagnostics());
  return keys;
}

JsonPointers ReadPointers(YamlMap& entry, std::string_view key,
                          std::span<const std::string_view> names) {
  JsonPointers pointers;
  const YamlNode* node = entry.Get(key);
  if (node == nullptr) return pointers;
  YamlMap map(*node, key, entry.diagnostics());
  for (const std::string_view name : names) {
    const std::optional<std::string> pointer = map.String(name);
    if (!pointer) continue;
    if (!Json::IsPointer(*pointer)) {
      entry.diagnostics().Add(
          map.Where(name),
          fmt::format("expected a JSON pointer such as /stats/hits, not \"{}\"", *pointer));
    }
    pointers.emplace(name, *pointer);
  }
  return pointers;
}

Result<std::string> BackendName(const std::string& url) {
  const Result<Url> parsed = ParseUrl(url);
  if (!parsed.ok()) return Error{parsed.error()};
  return parsed->HostPort(parsed->scheme == "https" ? 443 : 80);
}

}  // namespace tierwatch
