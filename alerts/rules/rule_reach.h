// What a rule looks at: which metrics, and how far back.
#pragma once

#include <set>
#include <string>

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

/// A range that is computed at evaluation (`[step() * 2]`) counts as an hour.
RuleReach ReachOf(const promql::Expr& expr);

}  // namespace tierwatch
