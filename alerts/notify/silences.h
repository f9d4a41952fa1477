// Silences: who asked for which alerts not to page, and for how long. Alertmanager's rules, kept in
// the state database.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "alerts/notify/matcher.h"
#include "base/clock.h"
#include "base/database.h"
#include "base/log.h"

namespace tierwatch {

enum class SilenceState { kPending, kActive, kExpired };
/// "pending", "active" or "expired".
std::string_view SilenceStateName(SilenceState state);

struct Silence {
  std::string id;  // "" for a new one
  AlertMatchers matchers;
  TimestampMs starts_at = 0;
  TimestampMs ends_at = 0;
  TimestampMs updated_at = 0;
  std::string created_by;
  std::string comment;

  SilenceState StateAt(TimestampMs now) const;
};

/// Why a silence was refused.
struct SilenceError {
  enum Kind { kInvalid, kNotFound, kStorage } kind = kInvalid;
  std::string message;
};

/// Thread-safe. A silence that was accepted is in the database.
class Silences {
 public:
  /// ":memory:" for silences that die with the object. What can't be read is told to the log and
  /// left out.
  Silences(const std::string& database_path, Logger& logger);

  /// Adds a silence, or changes the one of its id: in place where the matchers are the same and
  /// what has begun stays begun; otherwise the old one expires and a new one takes over. Gives the
  /// id that holds now. Source: Alertmanager's silence.Silences.Set and its API's checks.
  std::optional<SilenceError> Set(Silence silence, TimestampMs now, std::string& id);
  /// Ends a silence now.
  std::optional<SilenceError> Expire(const std::string& id, TimestampMs now);

  std::optional<Silence> Get(const std::string& id) const;
  /// In Alertmanager's order: active ones by their end, pending ones by their beginning, expired
  /// ones, the last first.
  std::vector<Silence> List(TimestampMs now) const;
  /// The ids of those that hold back an alert, now.
  std::vector<std::string> Silencing(const Labels& labels, TimestampMs now) const;

 private:
  Result<void> Load(const std::string& path);
  std::optional<SilenceError> Store(const std::vector<Silence>& changed);
  void ForgetOld(TimestampMs now);

  mutable std::mutex mutex_;  // guards everything
  std::optional<Database> database_;
  std::string failure_;  // why there is no database
  std::vector<Silence> silences_;
};

}  // namespace tierwatch
