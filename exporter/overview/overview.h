// The page at "/": what the person on call needs first, as one self-contained HTML document.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "alerts/promql/promql.h"
#include "alerts/rules/alert.h"
#include "base/clock.h"

namespace tierwatch {

/// A target that was not reached at its last sampling.
struct DownTarget {
  std::string collector;
  Labels labels;
  std::string reason;     // "connect"
  std::string message;    // the error's text, without credentials
  TimestampMs since = 0;  // the last success; 0: never reached
};

/// What the page is made from. Queries answer from the local store; a failing one leaves its cells
/// empty.
struct OverviewSource {
  TimestampMs now = 0;
  Millis refresh{5'000};      // the page reloads itself
  Millis trend{15 * 60'000};  // what the lines in the tables reach back
  std::vector<Alert> alerts;
  std::vector<DownTarget> down;
  std::size_t targets = 0;
  std::function<Result<promql::Vector>(std::string_view expr)> instant;
  /// The last `window` in 60 steps.
  std::function<Result<promql::Matrix>(std::string_view expr, Millis window)> range;
};

/// The whole document, UTF-8, no outside asset, light and dark. Every text from outside is escaped.
std::string RenderOverview(const OverviewSource& source);

}  // namespace tierwatch
