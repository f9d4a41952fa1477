// What an override of an alert is about, and what is left to the alert itself: `match` maps become
// matchers that PromQL's selectors can carry.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "alerts/promql/promql.h"
#include "alerts/series/matcher.h"

namespace tierwatch {

/// Labels and the values that they must have, all of them.
using OverrideMatch = std::vector<std::pair<std::string, std::string>>;

/// The series that match `own` and none of `earlier`, as alternatives that have no series in
/// common: each a list of matchers that all hold. Empty: there can be no such series. Nothing:
/// there are more than 16 alternatives.
std::optional<std::vector<std::vector<series::Matcher>>> OverrideRegion(
    const OverrideMatch& own, std::span<const OverrideMatch> earlier);

/// `expr` asked of the series of a region alone; null where the text that this takes doesn't parse,
/// being nested too deep.
promql::ExprPtr InRegion(const promql::ExprPtr& expr,
                         const std::vector<std::vector<series::Matcher>>& region);

}  // namespace tierwatch
