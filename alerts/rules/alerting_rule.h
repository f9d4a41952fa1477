// One alerting rule and its alerts: inactive → pending → firing → resolved.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "alerts/rules/alert.h"
#include "alerts/rules/query.h"
#include "alerts/rules/rule.h"

namespace tierwatch {

/// What one evaluation of a rule is given.
struct RuleContext {
  TimestampMs time = 0;        // of the slot: states and durations go by it
  TimestampMs query_time = 0;  // time − query_offset: what is asked and written
  int limit = 0;               // of the group; 0: none
  const RuleQuery& query;
  const Labels& external_labels;
  const std::string& external_url;
};

/// What a rule gave, and how many of its templates failed.
struct RuleOutput {
  std::vector<OutputSample> samples;  // all at query_time, labels unique
  std::uint64_t template_failures = 0;
};

/// An alert with what its sender must remember of it.
struct ActiveAlert {
  Alert alert;
  TimestampMs last_sent_at = 0;
  AlertState last_sent_state = AlertState::kInactive;  // inactive: never sent
};

/// Not thread-safe. Source of the semantics: prometheus/rules/alerting.go; where it differs, it
/// says so.
class AlertingRule {
 public:
  /// A resolved alert is kept and sent again this long.
  static constexpr Millis kResolvedRetention{15 * 60 * 1000};

  explicit AlertingRule(Rule rule) : rule_(std::move(rule)) {}

  /// Asks, advances every alert, and gives `ALERTS` and `ALERTS_FOR_STATE`. On a failed query and
  /// on two samples with one label set after templating nothing changes. Beyond `limit` the rule
  /// fails and its alerts end: firing ones become resolved, so that nobody waits for ever
  /// (Prometheus drops them unsaid and lets the receiver time out).
  Result<RuleOutput> Evaluate(const RuleContext& context);

  /// Firing and resolved alerts that are new to the receivers, or were last sent longer than
  /// `resend_delay` ago. They count as sent.
  std::vector<Alert> TakeDue(TimestampMs now, Millis resend_delay);

  /// Ends all alerts: firing ones become resolved, pending ones vanish.
  void ResolveAll(TimestampMs now);

  /// Goes on with the alerts of a former version of this rule.
  void AdoptAlerts(AlertingRule& former) { active_ = std::move(former.active_); }

  const Rule& rule() const { return rule_; }
  /// Pending, firing and recently resolved alerts, by labels.
  std::vector<Alert> Alerts() const;

 private:
  using AlertMap = std::unordered_map<Labels, ActiveAlert, LabelsHash>;

  Result<AlertMap> Candidates(const RuleContext& context, std::uint64_t& template_failures) const;
  Alert MakeAlert(const promql::VectorSample& sample, const RuleContext& context,
                  std::uint64_t& template_failures) const;
  /// False where the alert is to be forgotten.
  bool Advance(ActiveAlert& active, bool returned, TimestampMs now) const;

  Rule rule_;
  AlertMap active_;
};

}  // namespace tierwatch
