// What each command of the command line does. All give the exit status: 0 success, 1 the thing
// asked about is wrong, 2 it could not be done.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "alerts/rules/rule.h"
#include "base/log.h"

namespace tierwatch {

/// Runs until SIGTERM or SIGINT. The calling thread must be the process's first.
int RunCommand(const std::string& config_file, Logger& logger);
int CheckConfigCommand(const std::string& config_file);
int MetricsCommand(bool markdown);

struct RuleFiles {
  std::vector<std::string> files;
  std::vector<std::string>
      signals;  // none: the signals.yml beside each rule file, where there is one
};
/// The rules of the files; nothing after telling on stderr what is wrong with them.
std::optional<std::vector<RuleGroup>> ReadRulesOrTell(const RuleFiles& rules);
/// "5 rules in 2 groups".
std::string DescribeRules(const std::vector<RuleGroup>& groups);
/// Prints the rules as one Prometheus rule file.
int ExportRulesCommand(const RuleFiles& rules);

/// Runs promqltest scripts; 1 unless every evaluation passes.
int TestPromqlCommand(const std::vector<std::string>& files, bool verbose);

struct QueryCommandOptions {
  std::string expr;
  std::string start, end, step;  // any of them: a query over a range, with promtool's defaults
};
/// Asks the server at `url`, a tierwatch or a Prometheus, and prints the answer: a line for each
/// sample, over a range below the series that it is of.
int QueryCommand(const QueryCommandOptions& options, const std::string& url);

}  // namespace tierwatch
