// Evaluates all rule groups, each in its slots, and hands out what is to be told.
#pragma once

#include <prometheus/registry.h>

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "alerts/rules/alert.h"
#include "alerts/rules/alert_store.h"
#include "alerts/rules/evaluator_metrics.h"
#include "alerts/rules/group.h"
#include "alerts/rules/query.h"
#include "alerts/rules/rule.h"
#include "base/clock.h"
#include "base/log.h"

namespace tierwatch {

/// Gets firing and resolved alerts: new ones, and all of them again each `resend_delay`. Never an
/// empty list. Called from any thread that evaluates.
using AlertSink = std::function<void(std::vector<Alert>)>;

struct EvaluatorOptions {
  Labels external_labels;    // added to every alert that is sent and lacks them; seen by templates
  std::string external_url;  // without a slash at its end
  Millis resend_delay{60'000};
  /// Whether the time in which no process ran counts for `for` and `keep_firing_for`.
  bool outage_counts = true;
};

/// What the evaluator works with. The references outlive it.
struct EvaluatorParts {
  MakeRuleQuestions questions;  // what rules ask
  RuleQuery query;              // what their templates ask
  SeriesSink series;
  AlertSink alerts;
  const Clock& clock;
  Logger& logger;
  prometheus::Registry& registry;
  AlertStore* states = nullptr;  // null: alerts end with the process
};

/// Thread-safe. Any number of threads may Work or RunDue: a group is evaluated by one at a time,
/// different groups at once. What changed of alerts is in the AlertStore before the AlertSink gets
/// them; where it can't be written, that is counted, they are sent all the same, and all of the
/// group is written with its next evaluation.
class RuleEvaluator {
 public:
  RuleEvaluator(std::vector<RuleGroup> groups, EvaluatorOptions options, EvaluatorParts parts);
  ~RuleEvaluator();
  RuleEvaluator(const RuleEvaluator&) = delete;
  RuleEvaluator& operator=(const RuleEvaluator&) = delete;

  /// Before anything is evaluated: goes on with the alerts of a former process and sends the firing
  /// and resolved ones, for receivers that may have forgotten. An alert that was active stays so
  /// until an evaluation whose inputs are all from `settled_at` on, or have no gap before it, lacks
  /// it. Alerts of rules that are gone are resolved.
  void Restore(TimestampMs settled_at);

  /// Evaluates on the calling thread until `stop`, and with it all others that do.
  void Work(const std::stop_token& stop);
  /// Evaluates every group whose slot has come and tells when to call again (`SteadyTime::max()`
  /// without groups). The first evaluation is at the next slot. Of several missed slots the latest
  /// one counts, the others are skipped.
  SteadyTime RunDue();

  /// Groups that look at any of these metrics are due at once, outside their slots, which stay as
  /// they are.
  void InputChanged(const std::set<std::string>& metrics);
  /// Evaluates every group at once, likewise.
  void RunNow();

  /// Takes new groups, once no group is being evaluated. Rules that stay (see Predecessors) keep
  /// their alerts; alerts of rules that are gone are sent as resolved.
  void Replace(std::vector<RuleGroup> groups);

  /// While nothing is evaluated `set_clock` moves the clock by `by`, and the samples with it; then
  /// alerts have lasted as long as before, and slots are those of the new time.
  void ShiftTime(Millis by, const std::function<void()>& set_clock);

  /// Every half minute or so: notes that the process lives, forgets what ended long ago.
  void Tend();

  /// Pending and firing alerts of all groups, as of the last evaluation of each rule.
  std::vector<Alert> Alerts() const;
  std::vector<GroupStatus> Groups() const;

 private:
  struct Scheduled;
  using ScheduledPtr = std::shared_ptr<Scheduled>;
  struct Turn;   // an evaluation to do
  struct Pause;  // as long as it lives nothing is evaluated
  struct Ended {
    RuleIdentity rule;
    SavedAlert saved;
  };

  ScheduledPtr MakeScheduled(RuleGroup group);
  std::optional<Turn> TakeTurn();
  void Enqueue(const ScheduledPtr& scheduled);
  void Want(const ScheduledPtr& scheduled);
  void Run(const Turn& turn);
  void Finish(const Turn& turn);
  SteadyTime NextDue() const;

  bool Save(std::span<const RuleChanges> changes);
  void Send(std::vector<Alert> due);
  void RestoreRules(std::vector<SavedRule> saved, TimestampMs settled_at);
  void EndRule(SavedRule rule, std::vector<RuleChanges>& changes);
  void CountAlerts();
  std::vector<ScheduledPtr> Listed() const;

  const EvaluatorOptions options_;
  const EvaluatorParts parts_;
  const GroupContext context_;
  EvaluatorInstruments instruments_;

  mutable std::mutex mutex_;            // guards all below, held for no evaluation and no I/O
  std::condition_variable_any leader_;  // the one that waits for the time to come
  std::condition_variable_any idle_;    // those that wait for it to have a turn
  std::condition_variable rested_;      // nothing is being evaluated
  std::vector<ScheduledPtr> groups_;
  std::set<std::pair<TimestampMs, ScheduledPtr>> queue_;  // by when they are due; not busy ones
  std::vector<Ended> ended_;  // alerts of rules that are gone, kept for receivers after a restart
  bool leading_ = false;
  int busy_ = 0, pauses_ = 0;
  int pending_ = 0, firing_ = 0;
};

}  // namespace tierwatch
