// Runs unit tests of rules: the groups, the store and the engine that production uses, with time as
// the test says it.
#pragma once

#include <string>
#include <vector>

#include "alerts/rules/rule.h"
#include "alerts/rules/rule_test_file.h"
#include "base/clock.h"

namespace tierwatch {

struct RuleTestOptions {
  bool diff = false;  // failures show only what differs
  bool dump = false;  // give all samples that the test ended with
};

struct RuleTestResult {
  std::vector<std::string> failures;  // none: the test passed. Each a text of some lines
  std::string dump;
};

/// Runs one test of `file` on `groups`, which are what its rule files hold. All groups are
/// evaluated at every evaluation interval from the test's start to the last time asked for, each
/// time on the input up to then; a rule that fails ends the test. Expressions are asked at the end.
/// A test of over 10,000,000 evaluations fails. `clock` measures how long a query may take.
///
/// As in Prometheus 3.14, cmd/promtool/unittest.go; but NaN is what is expected where NaN is, and
/// among groups that `group_eval_order` leaves open, the order is that of the files.
RuleTestResult RunRuleTest(const RuleTestFile& file, const RuleTest& test,
                           const std::vector<RuleGroup>& groups, const RuleTestOptions& options,
                           const Clock& clock);

}  // namespace tierwatch
