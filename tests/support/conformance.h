// Where the test data of other projects lies: $TIERWATCH_CONFORMANCE, or ../shared/conformance
// beside the source tree. A test says that it is skipped where the folder is absent.
#pragma once

#include <string>

namespace tierwatch {

/// The path of something in it: ConformancePath("promqltest/").
std::string ConformancePath(const std::string& relative);

}  // namespace tierwatch
