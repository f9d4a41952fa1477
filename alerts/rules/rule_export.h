// Writes rules as a Prometheus rule file, whatever format they came from.
#pragma once

#include <string>
#include <vector>

#include "alerts/rules/rule.h"

namespace tierwatch {

/// YAML that Prometheus and promtool accept (2.42 and later) and that fires alike; reading it back
/// gives the same rules. `query_offset`, which older versions don't know, is written only where it
/// is not 0.
std::string ExportPrometheus(const std::vector<RuleGroup>& groups);

}  // namespace tierwatch
