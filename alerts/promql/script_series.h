// A line of a test script that describes a series: `name{a="b"} 1+2x3 _ stale {{schema:0
// count:4}}x2`.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "alerts/series/sample.h"
#include "base/clock.h"
#include "base/labels.h"
#include "base/result.h"

namespace tierwatch::promql {

struct ScriptValue {
  bool omitted = false;
  double value = 0;
  series::HistogramPtr histogram{};
  bool hint_given = false;  // the histogram says what its reset hint is
};

struct ScriptSeries {
  Labels labels;
  std::vector<ScriptValue> values;
};

/// Also used by promtool's unit tests of rules, whose input series are written the same.
Result<ScriptSeries> ParseScriptSeries(std::string_view line);

/// A line `name{…}@st 0s _x2 -1m+10sx3`: start times, each relative to its sample's time.
struct ScriptStartTimes {
  Labels labels;
  std::vector<std::optional<Millis>> offsets;
};
bool IsStartTimes(std::string_view line);
Result<ScriptStartTimes> ParseScriptStartTimes(std::string_view line);

}  // namespace tierwatch::promql
