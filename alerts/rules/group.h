// A rule group at work: evaluates its rules in order and remembers what they gave.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "alerts/rules/alert_store.h"
#include "alerts/rules/alerting_rule.h"
#include "alerts/rules/query.h"
#include "alerts/rules/recording_rule.h"
#include "alerts/rules/rule.h"
#include "alerts/rules/rule_reach.h"

namespace tierwatch {

/// A rule as pages and the API show it.
struct RuleStatus {
  Rule rule;
  std::string last_error;  // "": the last evaluation was well, or there was none
  TimestampMs last_evaluation = 0;
  double last_duration_seconds = 0;
  std::vector<Alert> alerts;  // pending and firing
};

struct GroupStatus {
  std::string file;
  std::string name;
  Millis interval{0};
  int limit = 0;
  TimestampMs last_evaluation = 0;
  double last_duration_seconds = 0;
  std::vector<RuleStatus> rules;
};

/// What groups are given to work with; all of it outlives them.
struct GroupContext {
  const RuleQuery& query;  // of templates
  const SeriesSink& series;
  const Labels& external_labels;
  const std::string& external_url;
  Millis resend_delay{60'000};
  const Clock& clock;  // measures durations only
};

/// What one evaluation of a group came to.
struct GroupResult {
  std::vector<Alert> due;  // to be sent, once `changes` are saved
  std::vector<RuleChanges> changes;
  std::vector<std::string> errors;  // "rule NAME: …", one per rule that failed
  std::uint64_t template_failures = 0;
  double duration_seconds = 0;
};

/// One thread evaluates, adopts and ends; Status and Alerts may be called from any, and wait for no
/// query. Source of the semantics: prometheus/rules/group.go.
class Group {
 public:
  Group(RuleGroup group, const MakeRuleQuestions& questions);

  /// The latest slot at or before `now`: slots are `interval` apart, shifted by a hash of file and
  /// name, so that groups don't start together and a restart changes nothing.
  TimestampMs SlotAt(TimestampMs now) const;

  /// Evaluates every rule for the time `time`. A rule that fails leaves its alerts and series as
  /// they were, and the others go on.
  GroupResult Evaluate(TimestampMs time, const GroupContext& context);

  std::size_t size() const { return entries_.size(); }
  const RuleIdentity& Identity(std::size_t rule) const { return entries_[rule].identity; }
  /// Rule `rule` goes on with the alerts and series of rule `former_rule`, which then has none.
  void Adopt(std::size_t rule, Group& former, std::size_t former_rule);
  /// Rule `rule` goes on with alerts of a former process. One that an evaluation lacks is over only
  /// where the evaluation is for a time of at least `settled_at`, plus as far as the rule looks
  /// back.
  void Restore(std::size_t rule, std::vector<SavedAlert> alerts, TimestampMs settled_at);
  /// Ends what the group gave: staleness markers for its series; alerts that were firing become
  /// resolved and are due.
  GroupResult End(TimestampMs time, const GroupContext& context);
  /// The clock was set by `by`.
  void ShiftTime(Millis by);
  /// All that is to be remembered of the group.
  std::vector<RuleChanges> States() const;
  /// Firing and resolved alerts, for receivers that know nothing yet.
  std::vector<Alert> Announcement(const GroupContext& context) const;
  const RuleReach& reach() const { return reach_; }
  TimestampMs last_evaluation() const;

  const std::string& file() const { return file_; }
  const std::string& name() const { return name_; }
  Millis interval() const { return interval_; }
  GroupStatus Status() const;
  /// Pending and firing alerts.
  std::vector<Alert> Alerts() const;
  /// Adds their numbers; for the evaluating thread.
  void CountAlerts(int& pending, int& firing) const;

 private:
  struct Entry {
    RuleIdentity identity;
    std::string source;  // of its series
    Millis range{0};     // how far it looks back
    std::size_t question;
    std::variant<RecordingRule, AlertingRule> rule;
    std::vector<std::shared_ptr<const Labels>> series{};  // of the last evaluation that was well
    std::string last_error{};
    TimestampMs last_evaluation = 0;
    double last_duration_seconds = 0;
    const Rule& plain() const;
  };

  static RuleChanges WholeState(const Entry& entry);
  void Evaluate(Entry& entry, const RuleContext& rule_context, const GroupContext& context,
                GroupResult& group_result);
  void Write(Entry& entry, std::vector<OutputSample> samples, TimestampMs time,
             const SeriesSink& series) const;

  std::string file_;
  std::string name_;
  Millis interval_;
  Millis query_offset_;
  int limit_;
  RuleReach reach_;
  std::unique_ptr<RuleQuestions> questions_;
  // What the evaluating thread alone changes and others read. Held for no query and no writing.
  mutable std::mutex mutex_;
  std::vector<Entry> entries_;
  TimestampMs last_evaluation_ = 0;
  double last_duration_seconds_ = 0;
};

}  // namespace tierwatch
