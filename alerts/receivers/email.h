// The receiver `email_configs`: a mail for each notification, HTML and text as alternatives.
#pragma once

#include <memory>

#include "alerts/receivers/global_config.h"
#include "alerts/receivers/integration.h"

namespace tierwatch {

/// Reads the keys but `send_resolved`.
std::shared_ptr<Integration> ReadEmail(YamlMap& map, Integration::Identity identity,
                                       const GlobalConfig& global);

}  // namespace tierwatch
