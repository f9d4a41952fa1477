// Alertmanager's `http_config`, and how a key that tierwatch does not act on is refused.
#pragma once

#include <string_view>

#include "base/http_client.h"
#include "base/yaml.h"

namespace tierwatch {

/// Reports `key` where it has a value: known to Alertmanager, not acted on here; never ignored.
void Refuse(YamlMap& map, std::string_view key);

/// Reads prometheus/common's HTTPClientConfig.
HttpOptions ReadHttpConfig(const YamlNode& node, Diagnostics& diagnostics);

/// The map's own `http_config`, `global_http` where it has none, for requests whose answers are
/// short.
HttpOptions ReadHttpConfigOr(YamlMap& map, const HttpOptions& global_http);

}  // namespace tierwatch
