// Files of text, read whole.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace tierwatch {

/// The text of a file of at most 16 MiB, or why not.
Result<std::string> ReadTextFile(const std::string& path);

/// The files that a glob names, sorted; none where nothing matches.
std::vector<std::string> ExpandGlob(const std::string& pattern);

}  // namespace tierwatch
