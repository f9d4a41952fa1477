// `tierwatch test rules`: promtool's unit tests, for rules of both formats.
#pragma once

#include <string>
#include <vector>

namespace tierwatch {

struct RuleTestCommandOptions {
  std::vector<std::string> files;
  std::vector<std::string> signals;  // none: the signals.yml beside each rule file
  std::vector<std::string> run;      // tests whose name has a match of any; none: all
  std::string junit;                 // where to write results as JUnit XML; "": nowhere
  bool debug = false;
  bool diff = false;
  bool ignore_unknown_fields = false;  // of rule files
};

/// Prints what promtool prints: SUCCESS to stdout, FAILED with what failed to stderr. Gives the
/// exit status: 0 where every test passes, 1 where one fails or a file is wrong, 2 for a regular
/// expression that is none.
int TestRulesCommand(const RuleTestCommandOptions& options);

}  // namespace tierwatch
