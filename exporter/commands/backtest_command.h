// `tierwatch rules backtest`: how often would these rules have paged?
#pragma once

#include <string>

#include "alerts/rules/backtest.h"
#include "exporter/commands/commands.h"

namespace tierwatch {

struct BacktestCommandOptions {
  std::string url;
  std::string from;
  std::string to = "now";
  std::string chunk = "1h";
  bool json = false;
};

/// A time as people write it: RFC 3339, Unix seconds, "now", or so long before
/// `now` ("6h").
Result<TimestampMs> ParseTime(const std::string& text, TimestampMs now);

std::string FormatBacktest(const BacktestReport& report);
std::string FormatBacktestJson(const BacktestReport& report, TimestampMs from, TimestampMs to);

/// Prints the pages of every alert; on a terminal stderr shows how far it is. 1
/// where a rule failed, 2 where the replay could not be done.
int BacktestCommand(const RuleFiles& rules, const BacktestCommandOptions& options);

}  // namespace tierwatch
