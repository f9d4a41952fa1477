// The answers of Prometheus's query API as text for people.
#pragma once

#include <string>

#include "base/result.h"

namespace tierwatch {

/// A query's answer in the envelope (ours or Prometheus's): a line per sample, warnings after.
Result<std::string> FormatQueryAnswer(const std::string& body);

}  // namespace tierwatch
