// One alerting rule and its alerts: inactive → pending → firing → resolved.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "alerts/rules/alert.h"
#include "alerts/rules/alert_store.h"
#include "alerts/rules/query.h"
#include "alerts/rules/rule.h"

namespace tierwatch {

/// What one evaluation of a rule is given.
struct RuleContext {
  TimestampMs time = 0;        // of the slot: states and durations go by it
  TimestampMs query_time = 0;  // time − query_offset: what is asked and written
  int limit = 0;               // of the group; 0: none
  const RuleQuery& query;      // for templates
  const Labels& external_labels;
  const std::string& external_url;
};

/// Not thread-safe. Source of the semantics: prometheus/rules/alerting.go; where it differs, it
/// says so. While the expression's elements have the same frame, an evaluation sets values: it
/// makes no label set and looks nothing up.
class AlertingRule {
 public:
  /// A resolved alert is kept and sent again this long.
  static constexpr Millis kResolvedRetention{15 * 60 * 1000};

  explicit AlertingRule(Rule rule);
  AlertingRule(AlertingRule&&) = default;  // no copies: elements_ points into active_
  AlertingRule& operator=(AlertingRule&&) = default;

  /// Advances every alert by what the expression gave, and gives `ALERTS` and `ALERTS_FOR_STATE`.
  /// On two samples with one label set after templating nothing changes. Beyond `limit` the rule
  /// fails and its alerts end: firing ones become resolved, so that nobody waits for ever
  /// (Prometheus drops them unsaid and lets the receiver time out).
  Result<RuleOutput> Take(const promql::Elements& elements, const RuleContext& context);

  /// Firing and resolved alerts that are new to the receivers, or were last sent longer than
  /// `resend_delay` ago, by labels. They count as sent.
  std::vector<Alert> TakeDue(TimestampMs now, Millis resend_delay);

  /// Ends all alerts: firing ones become resolved, pending ones vanish.
  void ResolveAll(TimestampMs now);

  /// Goes on with the alerts of a former version of this rule.
  void AdoptAlerts(AlertingRule& former);

  /// Goes on with alerts of a former process, before the first Take. Those that were active stay so
  /// until an evaluation has them; one that lacks them counts from `settled_at` on: before, what
  /// the rule looks at may not have been sampled again.
  void Restore(std::vector<SavedAlert> alerts, TimestampMs settled_at);
  /// The clock was set by `by`: what has lasted some time goes on having lasted that long.
  void ShiftTime(Millis by);

  /// What changed of alerts since it was last asked, values and annotations aside.
  std::vector<AlertChange> TakeChanges();
  /// All alerts, resolved ones that are still kept included.
  std::vector<SavedAlert> States() const;

  const Rule& rule() const { return rule_; }
  /// Pending and firing alerts, by labels.
  std::vector<Alert> Alerts() const;
  void CountAlerts(int& pending, int& firing) const;

 private:
  struct Active {
    Alert alert;              // inactive: kept for the elements that point here
    std::uint64_t taken = 0;  // the number of the Take that last had it
    TimestampMs last_sent_at = 0;
    AlertState last_sent_state = AlertState::kInactive;  // inactive: never sent
    bool changed = false;                                // since TakeChanges
    bool known = false;                                  // to whom TakeChanges told
    bool restored = false;                               // and not seen in a result since
    AlertState named_state = AlertState::kInactive;      // the one in `state_series`
    std::shared_ptr<const Labels> state_series;          // ALERTS
    std::shared_ptr<const Labels> since_series;          // ALERTS_FOR_STATE
  };
  using AlertMap = std::map<Labels, Active>;

  // An element of the frame that had a value: which alert it is, and what templates made of it.
  struct Element {
    std::size_t place = 0;            // in the frame
    Labels labels;                    // as the expression gave them
    std::uint64_t failed_labels = 0;  // templates that failed
    Active* active = nullptr;         // in active_
    std::uint64_t failed_annotations = 0;
    double annotated_value = 0;
    bool annotated = false;
  };

  std::optional<Error> Identify(const promql::Elements& elements, const RuleContext& context);
  void Identify(Element& element, double value, const RuleContext& context);
  void TakeFrame(const series::FramePtr& frame);
  Element& ElementAt(std::size_t i, double value, const RuleContext& context);
  void Update(Element& element, double value, const RuleContext& context);
  void Annotate(Element& element, double value, const RuleContext& context) const;
  static void AppendSeries(Active& active, TimestampMs time, std::vector<OutputSample>& samples);
  void ForgetElements();
  void ForgetInactive();
  void Change(Active& active) { active.changed = changed_ = true; }
  /// False where the alert is to be forgotten.
  bool Advance(Active& active, TimestampMs now);
  bool AdvanceAbsent(Active& active, TimestampMs now);

  Rule rule_;
  TemplateInput labels_input_;       // of all labels' templates
  TemplateInput annotations_input_;  // of all annotations' templates
  AlertMap active_;
  series::FramePtr frame_;              // of the last elements
  std::vector<std::uint32_t> known_;    // by place in the frame: the index in elements_, plus 1
  std::vector<Element> elements_;       // few: most expressions filter
  std::vector<std::uint32_t> present_;  // those of the Take under way, in elements_
  std::uint64_t number_ = 0;            // of the Take under way
  bool changed_ = false;                // some alert did, since TakeChanges
  TimestampMs settled_at_ = 0;          // see Restore
};

}  // namespace tierwatch
