// The receiver `pagerduty_configs`: PagerDuty's Events API, version 2.
#pragma once

#include <memory>

#include "alerts/receivers/global_config.h"
#include "alerts/receivers/integration.h"

namespace tierwatch {

/// Reads the keys but `send_resolved`. The body that is kept is the event without its routing key:
/// at most 512,000 bytes, custom details being dropped where it would be longer.
std::shared_ptr<Integration> ReadPagerDuty(YamlMap& map, Integration::Identity identity,
                                           const GlobalConfig& global);

}  // namespace tierwatch
