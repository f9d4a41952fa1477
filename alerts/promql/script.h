// A test script as data: what its lines ask for.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "alerts/promql/script_series.h"
#include "base/clock.h"
#include "base/result.h"

namespace tierwatch::promql {

struct ScriptClear {};

struct ScriptLoad {
  Millis gap{0};
  bool with_custom_histograms = false;  // classic histograms are loaded as native ones too
  struct Line {
    ScriptSeries series;
    std::vector<std::optional<Millis>> starts;  // empty, or one per value
  };
  std::vector<Line> lines;
};

/// An expected message or annotation; neither text nor pattern: any will do.
struct ScriptExpectation {
  std::optional<std::string> text;
  std::optional<std::string> pattern;
  bool Matches(const std::string& message) const;
  std::string Describe() const;
};

struct ScriptEval {
  int line = 0;
  std::string expr;
  bool range = false;
  TimestampMs start = 0, end = 0;  // equal for an instant query
  Millis step{0};
  TimestampMs at = 0;  // when an instant query is evaluated
  bool ordered = false, fail = false, warn = false, info = false, no_warn = false, no_info = false;
  std::vector<ScriptExpectation> warnings, infos, failures;
  bool only_instant = false;         // not run as a range query
  std::optional<std::string> text;   // the expected string
  std::optional<double> scalar;      // the expected scalar
  std::vector<ScriptSeries> series;  // the expected series, in order
};

struct ScriptCommand {
  int line = 0;
  std::variant<ScriptClear, ScriptLoad, ScriptEval> what;
};

struct Script {
  std::vector<ScriptCommand> commands;
  std::optional<Error> error;  // what stopped the reading, with its line in front
  int error_line = 0;
};

Script ParseScript(std::string_view text);

}  // namespace tierwatch::promql
