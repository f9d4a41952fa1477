// Evaluates all rule groups, each in its slots, and hands out what is to be told.
#pragma once

#include <prometheus/registry.h>

#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "alerts/rules/alert.h"
#include "alerts/rules/group.h"
#include "alerts/rules/query.h"
#include "alerts/rules/rule.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"

namespace tierwatch {

/// Gets firing and resolved alerts: new ones, and all of them again each `resend_delay`. Never an
/// empty list.
using AlertSink = std::function<void(std::vector<Alert>)>;

struct EvaluatorOptions {
  Labels external_labels;    // added to every alert that is sent and lacks them; seen by templates
  std::string external_url;  // without a slash at its end
  Millis resend_delay{60'000};
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
};

/// The evaluator's own metrics: tierwatch_rule_…, tierwatch_alerts,
/// tierwatch_template_failures_total.
std::span<const MetricInfo> EvaluatorMetrics();

/// RunDue, RunNow and Replace belong to one thread; Alerts and Groups may be called from any and
/// wait for no query.
class RuleEvaluator {
 public:
  RuleEvaluator(std::vector<RuleGroup> groups, EvaluatorOptions options, EvaluatorParts parts);
  ~RuleEvaluator();
  RuleEvaluator(const RuleEvaluator&) = delete;
  RuleEvaluator& operator=(const RuleEvaluator&) = delete;

  /// Evaluates every group whose slot has come and tells when to call again (`SteadyTime::max()`
  /// without groups). The first evaluation is at the next slot. Of several missed slots the latest
  /// one counts, the others are skipped.
  SteadyTime RunDue();

  /// Evaluates every group at once, outside its slot: for input that just changed. Slots stay as
  /// they are.
  void RunNow();

  /// Takes new groups. Rules that are in both keep their alerts (group by file and name, rule by
  /// name and labels); alerts of rules that are gone are sent as resolved.
  void Replace(std::vector<RuleGroup> groups);

  /// Pending and firing alerts of all groups, as of the last evaluation of each rule.
  std::vector<Alert> Alerts() const;
  std::vector<GroupStatus> Groups() const;

 private:
  struct Metrics;
  struct Scheduled;

  void Add(RuleGroup group);
  void Evaluate(Scheduled& scheduled, TimestampMs time);
  void Send(std::vector<Alert> due);
  void CountAlerts();
  std::vector<std::shared_ptr<const Scheduled>> Listed() const;

  const EvaluatorOptions options_;
  const EvaluatorParts parts_;
  const GroupContext context_;
  std::unique_ptr<Metrics> metrics_;
  mutable std::mutex mutex_;  // guards the list; each group guards itself
  struct Slot {
    TimestampMs next = 0;
    TimestampMs step = 0;
  };
  std::vector<Slot> slots_;  // by group
  int pending_ = 0, firing_ = 0;
  std::vector<std::shared_ptr<Scheduled>> groups_;
};

}  // namespace tierwatch
