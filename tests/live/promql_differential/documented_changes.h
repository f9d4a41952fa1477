// Where PromQL of 3.14 is meant to differ from PromQL of 2.42.
#pragma once

#include <span>
#include <string_view>

#include "tests/live/promql_differential/engines.h"

namespace tierwatch {

struct DocumentedChange {
  std::string_view what;
  std::string_view source;  // the version and the pull request or page that say so
  /// Whether it is why the two differ on the finding, an innermost one: the rest of the answer must
  /// be the same.
  bool (*explains)(Engines& engines, const Finding& finding);
};

/// The first that explains a finding is taken.
std::span<const DocumentedChange> DocumentedChanges();

}  // namespace tierwatch
