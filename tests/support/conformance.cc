#include "tests/support/conformance.h"

#include <cstdlib>

#include "tests/support/files.h"

namespace tierwatch {

std::string ConformancePath(const std::string& relative) {
  const char* given = std::getenv("TIERWATCH_CONFORMANCE");
  return (given != nullptr ? std::string(given) : SourcePath("../shared/conformance")) + "/" +
         relative;
}

}  // namespace tierwatch
