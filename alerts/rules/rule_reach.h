// What a rule looks at: which metrics, and how far back.
#pragma once

#include <functional>
#include <set>
#include <string>

#include "alerts/promql/ast.h"
#include "alerts/promql/promql.h"
#include "base/clock.h"

namespace tierwatch {

struct RuleReach {
  std::set<std::string> metrics;
  bool any_metric = false;  // some selector has no fixed name
  Millis range{0};          // the longest, subqueries' and offsets included; 0: the moment alone

  bool Looks(const std::string& metric) const { return any_metric || metrics.contains(metric); }
  void Add(const RuleReach& other);
};

RuleReach ReachOf(const promql::Expr& expr);

/// What one selector looks at, ranges, offsets and subqueries around it included.
struct SelectorReach {
  Millis back{0};      // samples may be this much older than an evaluation; below 0: are younger
  Millis ahead{0};     // or, through a negative offset, this much younger
  bool fixed = false;  // `@ TIME`: it looks at one moment, however the time goes on
};

/// Calls `visit` with each selector of `expr`. A length that is computed at evaluation counts as an
/// hour, also as one ahead.
void ForEachSelector(
    const promql::Expr& expr,
    const std::function<void(const promql::VectorSelector&, const SelectorReach&)>& visit);

}  // namespace tierwatch
