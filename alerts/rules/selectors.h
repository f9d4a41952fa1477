// Which series rules look at, and how far back: what has to be fetched before
// they can be evaluated somewhere else than where the series are.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "alerts/rules/rule.h"
#include "base/clock.h"
#include "base/result.h"

namespace tierwatch {

/// Selectors of one metric, or all that name none: as PromQL, each once.
struct NeededSeries {
  std::vector<std::string> selectors;
  Millis back{0};   // samples may be this much older than an evaluation
  Millis ahead{0};  // or, through a negative offset, this much younger
};

struct SeriesNeeds {
  /// By the metric's name, "" for selectors without one. Not what the rules
  /// themselves write.
  std::map<std::string, NeededSeries> series;
  Millis longest_back{0};  // of all of them, and of what the rules write
};

/// An expression with `@ TIME` is an error: it looks at one moment, however the
/// time goes on.
Result<SeriesNeeds> SeriesNeeded(const std::vector<RuleGroup>& groups, Millis lookback);

}  // namespace tierwatch
