// Runs scripts of Prometheus's promqltest language against the engine.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tierwatch::promql {

struct ScriptFailure {
  int line = 0;  // of the evaluation, or of what is wrong with the script
  std::string reason;
};

struct ScriptResult {
  std::string name;
  int passed = 0;
  int total = 0;  // evaluations
  std::vector<ScriptFailure> failures;
  /// "NAME: passed N of M"
  std::string Summary() const;
};

/// Runs every evaluation as Prometheus's own runner does: instant ones also with `@` at other
/// times, each of them also as the middle step of a range query. An evaluation that needs what
/// isn't there yet fails. A line that is no script counts as a failed evaluation and ends the
/// script. Source of the grammar and the rules: Prometheus 3.14, promql/promqltest.
ScriptResult RunScript(std::string_view text, std::string_view name);

}  // namespace tierwatch::promql
