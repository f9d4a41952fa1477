// Matchers as the configuration gives them, in its three spellings.
#pragma once

#include <string_view>

#include "alerts/notify/matcher.h"
#include "base/yaml.h"

namespace tierwatch {

/// The names of the three keys: a map of texts, a map of regular expressions, a list of matchers.
struct MatcherKeys {
  std::string_view equal, regex, list;
};

/// Reads the three together; what is malformed is a finding.
AlertMatchers ReadMatchers(YamlMap& map, const MatcherKeys& keys);

}  // namespace tierwatch
