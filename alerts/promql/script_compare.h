// Whether a result is what a test script expects: "" if so, else what differs.
#pragma once

#include <string>

#include "alerts/promql/promql.h"
#include "alerts/promql/script.h"

namespace tierwatch::promql {

std::string CompareResult(const ScriptEval& eval, const QueryResult& result);
/// A vector, and not in the order of the script.
std::string CompareVector(const ScriptEval& eval, const Vector& vector, bool ordered);
std::string CompareAnnotations(const ScriptEval& eval, const QueryResult& result);
std::string CompareFailure(const ScriptEval& eval, const std::string& message);

}  // namespace tierwatch::promql
