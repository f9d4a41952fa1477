// Rule files: YAML in Prometheus's format (`groups:`) or in tierwatch's own (`alerts:`), to the
// same rules.
//
//   interval: 15s                    # optional
//   alerts:
//     - name: HighErrorRate
//       severity: critical           # becomes the label `severity`
//       condition: error_rate > 1%   # alerts/rules/condition.h
//       duration: 5m                 # optional: `for`
//       keep_firing_for: 10m         # optional
//       labels: {team: cache}        # optional, templates allowed
//       annotations: {summary: "…"}  # optional, templates allowed
//       runbook: https://…           # optional: becomes the annotation `runbook_url`
//       overrides:                   # optional: what differs for some series
//         - match: {environment: staging}  # labels of the series that the condition looks at
//           condition: error_rate > 5%     # these are optional: condition, duration,
//           severity: warning              # keep_firing_for, severity, and
//           enabled: false                 # no alert at all
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "alerts/rules/rule.h"
#include "alerts/rules/signals.h"
#include "base/diagnostic.h"

namespace tierwatch {

/// What groups get that don't say it themselves, and how strictly files are read.
struct RuleDefaults {
  Millis interval{15'000};
  Millis query_offset{0};
  bool ignore_unknown_fields = false;
};

/// Reads the rule file `file`, whose content is `text`. An `alerts:` file becomes one group, named
/// like the file without folder and extension. An override is a rule of its own behind its alert's,
/// over the series that match it and none of the overrides before; the alert's rule is left with
/// those that match none. That is done by matchers in the selectors, so that Prometheus reads the
/// exported rules alike (`promtool check rules` calls rules of one name and labels duplicates;
/// these have no series in common). Findings are all reported at once, those within an expression,
/// condition or template at their character; where there are any, the result is not to be used.
/// Source of the checks of `groups:`: prometheus/model/rulefmt.
std::vector<RuleGroup> ReadRules(std::string_view text, const std::string& file,
                                 const SignalTable& signals, const RuleDefaults& defaults,
                                 Diagnostics& diagnostics);

}  // namespace tierwatch
