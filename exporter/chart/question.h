// What a chart shows: an expression, cut at its comparison, asked over a time.
#pragma once

#include <optional>
#include <stop_token>
#include <string>

#include "alerts/promql/promql.h"
#include "alerts/series/queryable.h"
#include "base/clock.h"
#include "base/labels.h"
#include "base/result.h"
#include "exporter/chart/chart.h"

namespace tierwatch {

struct ChartQuestion {
  std::string expr;
  std::optional<Labels> alert{};  // whose series stands out, whose states are the background
  TimestampMs end = 0;
  Millis range{3'600'000};
};

struct ChartSource {
  const promql::Engine& engine;
  const series::Queryable& storage;
  const Clock& clock;
  std::stop_token stop{};
};

/// Asks for at most 240 moments, within 10 s. Of a condition (`left > 5`) the left side is drawn,
/// and what it is compared with as a line. Errors: the expression's.
Result<Chart> AskChart(const ChartQuestion& question, const ChartSource& source);

}  // namespace tierwatch
