// `tierwatch check rules`: rule files that people can trust before they load them.
#pragma once

#include <string>

#include "alerts/rules/rule_check.h"
#include "exporter/commands/commands.h"

namespace tierwatch {

struct RulesCheckOptions {
  bool lint_fatal = false;  // warnings count as errors
  std::string url;          // "": metrics that tierwatch exports; else those that a server has
  std::string interval;     // of samples; "": tierwatch's default
};

/// What tierwatch exports: names and labels, from the table of metrics.
MetricCatalog ExportedMetrics();

/// Tells every finding on stderr. 1 where there is an error.
int CheckRulesCommand(const RuleFiles& rules, const RulesCheckOptions& options);

}  // namespace tierwatch
