// Which rule goes on with the alerts of which former rule, over a reload or a restart.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "alerts/rules/alert_store.h"

namespace tierwatch {

/// For each of `rules` the index of the one of `former` that it goes on with: the rule of that name
/// and labels in the same group, whatever its expression is now; failing that the same rule,
/// expression included, from a group that was renamed or a file that was moved. Each former rule
/// has one heir at most.
std::vector<std::optional<std::size_t>> Predecessors(std::span<const RuleIdentity> rules,
                                                     std::span<const RuleIdentity> former);

}  // namespace tierwatch
