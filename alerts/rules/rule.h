// Rules as plain data: what both file formats become, and all that evaluation needs.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "alerts/promql/promql.h"
#include "alerts/template/template.h"
#include "base/clock.h"
#include "base/diagnostic.h"
#include "base/labels.h"

namespace tierwatch {

/// A label or annotation to be: its name and the text that is expanded for every alert.
struct TemplatedText {
  std::string name;
  Template text;
};

struct Rule {
  enum class Kind { kRecording, kAlerting };
  Kind kind = Kind::kAlerting;
  std::string name;  // the metric to record, or the alert's name
  promql::ExprPtr expr;
  std::string expr_text;  // canonical PromQL
  Location where;

  // A recording rule's labels are plain text: their templates are not expanded, as in Prometheus.
  // The group's labels are among them already, below the rule's own. Sorted by name.
  std::vector<TemplatedText> labels;

  // Alerting rules only.
  Millis hold{0};         // `for`: pending this long before firing
  Millis keep_firing{0};  // `keep_firing_for`: firing this long after the condition ended
  std::vector<TemplatedText> annotations;
};

/// Rules that are evaluated one after the other, each seeing what the former ones wrote.
struct RuleGroup {
  std::string file;
  std::string name;
  Millis interval{0};
  Millis query_offset{0};  // how far in the past the rules look
  int limit = 0;           // series or alerts that one rule may give; 0: any number
  std::vector<Rule> rules;
};

}  // namespace tierwatch
