// The same question asked of fewer series: matchers added to every selector of an expression.
#pragma once

#include <span>

#include "alerts/promql/promql.h"
#include "alerts/series/matcher.h"

namespace tierwatch::promql {

/// `expr` with `matchers` in each of its selectors that doesn't have them already; the label
/// selector of info() stays as it is, since it chooses labels, not series.
ExprPtr Narrow(const ExprPtr& expr, std::span<const series::Matcher> matchers);

}  // namespace tierwatch::promql
