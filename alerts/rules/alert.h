// An alert as the rules made it: all that notify ever sees of them.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/labels.h"

namespace tierwatch {

enum class AlertState { kInactive, kPending, kFiring, kResolved };

/// "inactive", "pending", "firing" or "resolved".
constexpr std::string_view AlertStateName(AlertState state) {
  switch (state) {
    case AlertState::kPending:
      return "pending";
    case AlertState::kFiring:
      return "firing";
    case AlertState::kResolved:
      return "resolved";
    case AlertState::kInactive:
      break;
  }
  return "inactive";
}

/// Who says when a firing alert ends: the rule of this process; or, for an alert that another
/// process told us of, its own word in `valid_until`, or there what we assume where it gave none.
enum class AlertEnding { kByRule, kTold, kAssumed };

/// One active or just resolved instance of an alerting rule. Plain data; times are 0 where they
/// have not come yet.
struct Alert {
  Labels labels;  // identity; with `alertname`
  Labels annotations;
  AlertState state = AlertState::kInactive;
  TimestampMs active_at = 0;    // the condition has held since
  TimestampMs fired_at = 0;     // pending became firing
  TimestampMs resolved_at = 0;  // firing ended
  TimestampMs valid_until = 0;  // firing: has ended by then unless it is told again
  AlertEnding ending = AlertEnding::kByRule;
  TimestampMs keep_firing_since = 0;
  double value = 0;
  std::string generator_url;
};

}  // namespace tierwatch
