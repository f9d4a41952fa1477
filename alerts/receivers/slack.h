// The receiver `slack_configs`: an incoming webhook, or a bot's token.
#pragma once

#include <memory>

#include "alerts/receivers/global_config.h"
#include "alerts/receivers/integration.h"

namespace tierwatch {

/// Reads the keys but `send_resolved`. With `update_message` and a token, the group's message is
/// changed where there is one: the state that a delivery gives is its channel and time stamp.
std::shared_ptr<Integration> ReadSlack(YamlMap& map, Integration::Identity identity,
                                       const GlobalConfig& global);

}  // namespace tierwatch
