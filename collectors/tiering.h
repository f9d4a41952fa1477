// The levels of a tiered cache: L1 in the process, L2 and L3 behind it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tierwatch {

/// "L3" of a tier named "L3-Redis" or "l3_redis"; else by the types of the seed's backends (memory
/// L1, encore L2, redis L3); else "".
std::string TierLevel(std::string_view name, std::string_view type);

/// The levels of a tiering as a configuration names it: {"L1", "L2"} of "L1L2". Errors: kParse.
Result<std::vector<std::string>> ParseTiering(std::string_view text);

}  // namespace tierwatch
