// Rules that were read well and yet can't do what they are for: what never fires, what shows
// nothing, what stands twice. Pure analysis; nothing is evaluated.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "alerts/rules/label_facts.h"
#include "alerts/rules/rule.h"
#include "alerts/rules/rule_text.h"
#include "base/clock.h"

namespace tierwatch {

/// An error can't be what was meant: the rule, or a part of it, never gives anything. A warning may
/// be meant.
struct RuleFinding {
  bool is_error = false;
  Location where;
  std::string message;
  std::string ToString() const;  // "rules.yml:3:15: error: …"
};

/// The metrics that there are, besides those that the rules record.
struct MetricCatalog {
  MetricFacts metrics;  // by name
  /// Names that begin so are in `metrics` or nowhere. "": all names. Nothing: any name may exist.
  std::optional<std::string> owned_prefix;
  /// Why a name that isn't there isn't: "no collector exports …".
  std::string unknown = "no collector exports";
  bool unknown_is_error = true;
  /// The interval of samples, for ranges that are too short.
  Millis sample_interval{15'000};
  /// Whether the interval is every metric's; else of those in `metrics` alone, and a default that
  /// a configuration may have changed.
  bool interval_is_sure = false;
};

/// Findings in the order of the files, each once.
std::vector<RuleFinding> CheckRules(const std::vector<RuleGroup>& groups,
                                    const MetricCatalog& catalog, RuleText& text);

}  // namespace tierwatch
