// parse_query: an expression's syntax tree as JSON.
#pragma once

#include "alerts/promql/promql.h"
#include "exporter/api/json.h"

namespace tierwatch::api {

/// Source of the shape: prometheus/web/api/v1/translate_ast.go. A duration that is worked out at
/// evaluation is 0, as there.
void WriteSyntaxTree(const promql::Expr& expr, JsonWriter& json);

}  // namespace tierwatch::api
