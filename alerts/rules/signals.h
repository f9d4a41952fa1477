// Signals: named quantities that conditions compare, each defined as PromQL in a `signals:` file.
//
//   signals:
//     error_rate:
//       help: Share of cache requests that failed.
//       unit: ratio                  # ratio, seconds, bytes, count or boolean (1 true, 0 false)
//       expr: rate(errors[5m]) / rate(requests[5m])
//       by: [service, target]        # what tells its series apart; default [service, target]
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/diagnostic.h"

namespace tierwatch {

enum class Unit { kRatio, kSeconds, kBytes, kCount, kBoolean };

std::string_view UnitName(Unit unit);

/// A signal without a sample is unknown: no comparison with it holds. Guards belong into `expr`:
/// where there is no traffic there is no ratio, so the expression gives no sample.
struct Signal {
  std::string expr;  // canonical PromQL, an instant vector
  Unit unit = Unit::kCount;
  std::string help;
  std::vector<std::string> by;
  Location where;
};

using SignalTable = std::map<std::string, Signal, std::less<>>;

/// Reads the `signals:` file `file`, whose content is `text`, into `signals`. A name that is there
/// already, an expression that doesn't parse or gives no instant vector, an unknown unit or key is
/// a finding.
void ReadSignals(std::string_view text, const std::string& file, SignalTable& signals,
                 Diagnostics& diagnostics);

}  // namespace tierwatch
