#include "alerts/rules/evaluator.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>

#include <algorithm>
#include <limits>
#include <utility>

namespace tierwatch {
namespace {

using prometheus::MetricType;

constexpr MetricInfo kEvaluations{"tierwatch_rule_evaluations_total",
                                  MetricType::Counter,
                                  "Rules that were evaluated.",
                                  {"group"}};
constexpr MetricInfo kFailures{
    "tierwatch_rule_evaluation_failures_total",
    MetricType::Counter,
    "Rule evaluations that failed; alerts and series stayed as they were.",
    {"group"}};
constexpr MetricInfo kDuration{"tierwatch_rule_evaluation_duration_seconds",
                               MetricType::Histogram,
                               "Time that one evaluation of a rule group took.",
                               {}};
constexpr MetricInfo kMissed{"tierwatch_rule_group_iterations_missed_total",
                             MetricType::Counter,
                             "Slots of rule groups that were skipped since evaluation was late.",
                             {"group"}};
constexpr MetricInfo kTemplateFailures{"tierwatch_template_failures_total",
                                       MetricType::Counter,
                                       "Templates of labels and annotations that failed to expand.",
                                       {"group"}};
constexpr MetricInfo kAlerts{"tierwatch_alerts", MetricType::Gauge, "Alerts by state.", {"state"}};

constexpr MetricInfo kMetrics[] = {kEvaluations, kFailures,         kDuration,
                                   kMissed,      kTemplateFailures, kAlerts};

prometheus::Family<prometheus::Counter>& CounterFamily(const MetricInfo& info,
                                                       prometheus::Registry& registry) {
  return prometheus::BuildCounter()
      .Name(std::string(info.name))
      .Help(std::string(info.help))
      .Register(registry);
}

std::string Title(const Group& group) { return group.file() + ";" + group.name(); }

}  // namespace

std::span<const MetricInfo> EvaluatorMetrics() { return kMetrics; }

struct RuleEvaluator::Metrics {
  explicit Metrics(prometheus::Registry& registry)
      : evaluations(CounterFamily(kEvaluations, registry)),
        failures(CounterFamily(kFailures, registry)),
        missed(CounterFamily(kMissed, registry)),
        template_failures(CounterFamily(kTemplateFailures, registry)),
        duration(prometheus::BuildHistogram()
                     .Name(std::string(kDuration.name))
                     .Help(std::string(kDuration.help))
                     .Register(registry)
                     .Add({}, prometheus::Histogram::BucketBoundaries{0.001, 0.01, 0.1, 1, 10})),
        alerts(prometheus::BuildGauge()
                   .Name(std::string(kAlerts.name))
                   .Help(std::string(kAlerts.help))
                   .Register(registry)),
        pending(alerts.Add({{"state", "pending"}})),
        firing(alerts.Add({{"state", "firing"}})) {}

  prometheus::Family<prometheus::Counter>& evaluations;
  prometheus::Family<prometheus::Counter>& failures;
  prometheus::Family<prometheus::Counter>& missed;
  prometheus::Family<prometheus::Counter>& template_failures;
  prometheus::Histogram& duration;
  prometheus::Family<prometheus::Gauge>& alerts;
  prometheus::Gauge& pending;
  prometheus::Gauge& firing;
};

/// A group, its next slot and its counters, which are removed with it.
struct RuleEvaluator::Scheduled {
  Scheduled(RuleGroup plain, const MakeRuleQuestions& questions, Metrics& metrics_in)
      : rules(plain.rules.size()),
        group(std::move(plain), questions),
        metrics(metrics_in),
        evaluations(metrics.evaluations.Add({{"group", Title(group)}})),
        failures(metrics.failures.Add({{"group", Title(group)}})),
        missed(metrics.missed.Add({{"group", Title(group)}})),
        template_failures(metrics.template_failures.Add({{"group", Title(group)}})) {}

  void RemoveCounters() {
    metrics.evaluations.Remove(&evaluations);
    metrics.failures.Remove(&failures);
    metrics.missed.Remove(&missed);
    metrics.template_failures.Remove(&template_failures);
  }

  void Count() {
    pending = firing = 0;
    group.CountAlerts(pending, firing);
  }

  std::size_t rules;
  Group group;
  int pending = 0, firing = 0;  // alerts, counted when they may have changed
  Metrics& metrics;
  prometheus::Counter& evaluations;
  prometheus::Counter& failures;
  prometheus::Counter& missed;
  prometheus::Counter& template_failures;
};

RuleEvaluator::RuleEvaluator(std::vector<RuleGroup> groups, EvaluatorOptions options,
                             EvaluatorParts parts)
    : options_(std::move(options)),
      parts_(std::move(parts)),
      context_{parts_.query,          parts_.series,         options_.external_labels,
               options_.external_url, options_.resend_delay, parts_.clock},
      metrics_(std::make_unique<Metrics>(parts_.registry)) {
  for (RuleGroup& group : groups) Add(std::move(group));
}

RuleEvaluator::~RuleEvaluator() = default;

void RuleEvaluator::Add(RuleGroup plain) {
  auto scheduled = std::make_shared<Scheduled>(std::move(plain), parts_.questions, *metrics_);
  const TimestampMs step = scheduled->group.interval().count();
  slots_.push_back({scheduled->group.SlotAt(parts_.clock.Now()) + step, step});
  const std::lock_guard lock(mutex_);
  groups_.push_back(std::move(scheduled));
}

SteadyTime RuleEvaluator::RunDue() {
  TimestampMs now = parts_.clock.Now();
  TimestampMs next = std::numeric_limits<TimestampMs>::max();
  for (std::size_t i = 0; i < groups_.size(); ++i) {
    auto& [next_slot, step] = slots_[i];
    // A wall clock that was set back must not silence a group until it catches up.
    if (next_slot - now > step) next_slot = groups_[i]->group.SlotAt(now) + step;
    if (now >= next_slot) {
      const TimestampMs slot = groups_[i]->group.SlotAt(now);
      groups_[i]->missed.Increment(static_cast<double>((slot - next_slot) / step));
      next_slot = slot + step;
      Evaluate(*groups_[i], slot);
      now = parts_.clock.Now();
    }
    next = std::min(next, next_slot);
  }
  if (groups_.empty()) return SteadyTime::max();
  return parts_.clock.Steady() + Millis(std::max<TimestampMs>(next - parts_.clock.Now(), 0));
}

void RuleEvaluator::RunNow() {
  for (const auto& scheduled : groups_) Evaluate(*scheduled, parts_.clock.Now());
}

void RuleEvaluator::Evaluate(Scheduled& scheduled, TimestampMs time) {
  GroupResult result = scheduled.group.Evaluate(time, context_);
  scheduled.evaluations.Increment(static_cast<double>(scheduled.rules));
  scheduled.failures.Increment(static_cast<double>(result.errors.size()));
  scheduled.template_failures.Increment(static_cast<double>(result.template_failures));
  for (const std::string& error : result.errors) {
    parts_.logger.Warn("rule evaluation failed",
                       {{"group", Title(scheduled.group)}, {"error", error}});
  }
  pending_ -= scheduled.pending;
  firing_ -= scheduled.firing;
  scheduled.Count();
  pending_ += scheduled.pending;
  firing_ += scheduled.firing;
  metrics_->pending.Set(pending_);
  metrics_->firing.Set(firing_);
  metrics_->duration.Observe(result.duration_seconds);
  Send(std::move(result.due));
}

void RuleEvaluator::Send(std::vector<Alert> due) {
  if (due.empty()) return;
  for (Alert& alert : due) {
    for (const Label& label : options_.external_labels) {
      if (!alert.labels.Has(label.name)) alert.labels.Set(label.name, label.value);
    }
  }
  parts_.alerts(std::move(due));
}

void RuleEvaluator::CountAlerts() {
  pending_ = 0;
  firing_ = 0;
  for (const auto& scheduled : groups_) {
    pending_ += scheduled->pending;
    firing_ += scheduled->firing;
  }
  metrics_->pending.Set(pending_);
  metrics_->firing.Set(firing_);
}

void RuleEvaluator::Replace(std::vector<RuleGroup> plain) {
  const TimestampMs now = parts_.clock.Now();
  // Counters of groups that stay would be removed with their former owner: a family gives equal
  // labels one counter.
  std::vector<std::shared_ptr<Scheduled>> former;
  {
    const std::lock_guard lock(mutex_);
    former = std::exchange(groups_, {});
  }
  std::vector<Slot> former_slots = std::exchange(slots_, {});
  std::vector<Alert> due;
  for (RuleGroup& group : plain) {
    const auto old = std::find_if(former.begin(), former.end(), [&](const auto& candidate) {
      return candidate->group.file() == group.file && candidate->group.name() == group.name;
    });
    Add(std::move(group));
    if (old == former.end()) continue;
    Group& successor = groups_.back()->group;
    successor.Adopt((*old)->group);
    groups_.back()->Count();
    if (successor.interval() == (*old)->group.interval())
      slots_.back() = former_slots[static_cast<std::size_t>(old - former.begin())];
    GroupResult ended = (*old)->group.End(now, context_);
    std::move(ended.due.begin(), ended.due.end(), std::back_inserter(due));
    former_slots.erase(former_slots.begin() + (old - former.begin()));
    former.erase(old);
  }
  for (const auto& gone : former) {
    GroupResult ended = gone->group.End(now, context_);
    std::move(ended.due.begin(), ended.due.end(), std::back_inserter(due));
    gone->RemoveCounters();
  }
  Send(std::move(due));
  CountAlerts();
}

std::vector<std::shared_ptr<const RuleEvaluator::Scheduled>> RuleEvaluator::Listed() const {
  const std::lock_guard lock(mutex_);
  return {groups_.begin(), groups_.end()};
}

std::vector<Alert> RuleEvaluator::Alerts() const {
  std::vector<Alert> alerts;
  for (const auto& scheduled : Listed()) {
    for (Alert& alert : scheduled->group.Alerts()) alerts.push_back(std::move(alert));
  }
  return alerts;
}

std::vector<GroupStatus> RuleEvaluator::Groups() const {
  std::vector<GroupStatus> groups;
  for (const auto& scheduled : Listed()) groups.push_back(scheduled->group.Status());
  return groups;
}

}  // namespace tierwatch
