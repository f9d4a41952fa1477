// The receiver `opsgenie_configs`: alerts are created, and closed by their alias.
#pragma once

#include <memory>

#include "alerts/receivers/global_config.h"
#include "alerts/receivers/integration.h"

namespace tierwatch {

/// Reads the keys but `send_resolved`. The body that is kept is {"path", "body"}: one request,
/// without the API key.
std::shared_ptr<Integration> ReadOpsgenie(YamlMap& map, Integration::Identity identity,
                                          const GlobalConfig& global);

}  // namespace tierwatch
