// Reads the routing tree.
#pragma once

#include <string_view>
#include <vector>

#include "alerts/notify/route.h"
#include "alerts/notify/time_interval.h"
#include "base/yaml.h"

namespace tierwatch {

/// Reads `route` and all below it. Receivers and time intervals that are not defined are findings.
Route ReadRoute(const YamlNode& node, const std::vector<std::string_view>& receivers,
                const TimeIntervals& intervals, Diagnostics& diagnostics);

}  // namespace tierwatch
