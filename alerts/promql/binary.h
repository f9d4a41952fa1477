// What a binary operator gives for two elements.
#pragma once

#include "alerts/promql/ast.h"
#include "alerts/promql/evaluator.h"
#include "alerts/promql/value.h"

namespace tierwatch::promql {

struct Element {
  Point point{};         // of a comparison: the left side
  bool matched = false;  // false: these two types have no such operation, a note says so
  bool keep = false;     // of a comparison: it holds
};

/// `where` is the place of the whole expression.
Element Combine(Evaluator& evaluator, BinaryOp op, const Point& a, const Point& b,
                const Place& where);

}  // namespace tierwatch::promql
