// Unit tests of rules as plain data: promtool's file format.
//
// Source of the format: Prometheus 3.14, docs/configuration/unit_testing_rules.md and
// cmd/promtool/unittest.go.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "alerts/promql/promql.h"
#include "alerts/promql/script_series.h"
#include "base/clock.h"
#include "base/diagnostic.h"
#include "base/labels.h"

namespace tierwatch {

/// Alerts of one name that are to fire, and no others, as of the last evaluation up to `time`.
struct AlertTest {
  struct Expected {
    Labels labels;  // with `alertname`
    Labels annotations;
    auto operator<=>(const Expected&) const = default;
  };
  Location where;
  Millis time{0};  // after the start of the test
  std::string alert;
  std::vector<Expected> expected;
};

/// What an expression is to give.
struct ExprTest {
  struct Expected {
    Labels labels;
    double value = 0;
    series::HistogramPtr histogram{};  // set: `value` means nothing
  };
  Location where;
  Millis time{0};
  std::string text;  // of the expression, as it was written
  promql::ExprPtr expr;
  std::vector<Expected> expected;
};

struct RuleTest {
  std::string name;  // "unnamed#N" where it has none, counted from 0
  Location where;
  Millis interval{0};  // between the values of an input series; positive
  TimestampMs start = 0;
  std::vector<promql::ScriptSeries> input;  // labels unique
  Labels external_labels;
  std::string external_url;
  std::vector<AlertTest> alerts;
  std::vector<ExprTest> exprs;

  /// The latest time that anything is asked for.
  Millis LastTime() const;
};

struct RuleTestFile {
  std::vector<std::string> rule_files;  // as written: patterns, relative to the file's folder
  Millis evaluation_interval{60'000};   // of every group, whatever its own; positive
  std::vector<std::string> group_eval_order;
  bool fuzzy_compare = false;  // values may be neighbours
  std::vector<RuleTest> tests;
};

/// Reads the test file `file`, whose content is `text`: strict, all findings at once, those within
/// a series or an expression at their character; where there are any, the result is not to be used.
/// (promtool finds a wrong series or expression only when it runs its test.) A file's input series
/// hold at most 4,000,000 values.
RuleTestFile ReadRuleTestFile(std::string_view text, const std::string& file,
                              Diagnostics& diagnostics);

}  // namespace tierwatch
