// Replays rules over history: what would they have said, and when?
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "alerts/promql/promql.h"
#include "alerts/rules/rule.h"
#include "base/clock.h"
#include "base/labels.h"
#include "base/result.h"

namespace tierwatch {

/// The raw samples of a selector's series with from < time <= to, oldest first.
/// An error of Reason::kLimit makes the replay ask for less time at once.
using FetchSamples = std::function<Result<promql::Matrix>(const std::string& selector,
                                                          TimestampMs from, TimestampMs to)>;

struct BacktestOptions {
  TimestampMs from = 0;
  TimestampMs to = 0;
  Millis chunk{3'600'000};           // how much time is fetched at once
  std::size_t max_bytes = 2u << 30;  // of samples held at one moment
};

/// An alert that fired: somebody would have been paged.
struct BacktestPage {
  Labels labels;  // without `alertname`
  TimestampMs active_at = 0;
  TimestampMs fired_at = 0;
  TimestampMs resolved_at = 0;  // 0: still firing at the end
};

struct BacktestAlert {
  std::string file, group, name;
  std::vector<BacktestPage> pages;  // as they fired
};

struct BacktestReport {
  std::vector<BacktestAlert> alerts;  // all that the rules have, in their order
  std::uint64_t evaluations = 0;      // of rules
  std::uint64_t failures = 0;         // of these
  std::vector<std::string> errors;    // of them, each once, 20 at most
};

/// Evaluates every group at its slots from `from` to `to`, as a process would
/// that began at `from` with history behind it: alerts and recorded series are
/// those of the replay, raw samples are `fetch`'s. Memory holds what the rules
/// look back over and one chunk. `reached` is told how far it is. Templates
/// that query see the fetched series only. Errors: what `fetch` says; more than
/// `max_bytes`; expressions that can't be replayed.
Result<BacktestReport> Backtest(const std::vector<RuleGroup>& groups,
                                const BacktestOptions& options, const FetchSamples& fetch,
                                const Clock& clock,
                                const std::function<void(TimestampMs)>& reached);

}  // namespace tierwatch
