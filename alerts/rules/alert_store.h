// What is remembered of alerts beyond the process: the seam between the rules and the state
// database.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "alerts/rules/alert.h"
#include "base/clock.h"
#include "base/result.h"

namespace tierwatch {

/// Which rule an alert belongs to. `rule` is its name and label templates, unique in the group;
/// with the same `rule` and `expr` it is the same rule wherever it stands.
struct RuleIdentity {
  std::string file;
  std::string group;
  std::string rule;
  std::string expr;
  auto operator<=>(const RuleIdentity&) const = default;
};

/// An alert and what the receivers know of it. generator_url is not kept.
struct SavedAlert {
  Alert alert;
  TimestampMs last_sent_at = 0;  // of the last change that was sent; 0: never
  AlertState last_sent_state = AlertState::kInactive;
};

struct SavedRule {
  RuleIdentity rule;
  std::vector<SavedAlert> alerts;
};

/// The alert of these labels as it now is; nothing: it is none any more.
struct AlertChange {
  Labels labels;
  std::optional<SavedAlert> saved;
};

struct RuleChanges {
  RuleIdentity rule;
  bool whole = false;  // `alerts` are all that the rule has
  std::vector<AlertChange> alerts;
};

/// What was kept when the process ended.
struct SavedState {
  std::vector<SavedRule> rules;
  TimestampMs alive_at = 0;  // the last time that was noted; 0: never
};

/// Thread-safe.
class AlertStore {
 public:
  virtual ~AlertStore() = default;
  virtual Result<SavedState> Load() = 0;
  /// All of it or nothing, before it returns.
  virtual Result<void> Save(std::span<const RuleChanges> changes) = 0;
  /// Notes that the process lives, by the wall clock.
  virtual Result<void> NoteAlive(TimestampMs now) = 0;
};

}  // namespace tierwatch
