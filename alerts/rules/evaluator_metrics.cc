#include "alerts/rules/evaluator_metrics.h"

#include "base/instruments.h"

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
constexpr MetricInfo kStateChanges{"tierwatch_alert_state_changes_total",
                                   MetricType::Counter,
                                   "Changes of alerts that were written to the state database.",
                                   {}};
constexpr MetricInfo kStateFailures{
    "tierwatch_alert_state_failures_total",
    MetricType::Counter,
    "Times that the state database could not be read or written; alerts went on from memory.",
    {}};

constexpr MetricInfo kMetrics[] = {kEvaluations,      kFailures, kDuration,     kMissed,
                                   kTemplateFailures, kAlerts,   kStateChanges, kStateFailures};

}  // namespace

std::span<const MetricInfo> EvaluatorMetrics() { return kMetrics; }

EvaluatorInstruments::EvaluatorInstruments(prometheus::Registry& registry)
    : evaluations(CounterFamily(kEvaluations, registry)),
      failures(CounterFamily(kFailures, registry)),
      missed(CounterFamily(kMissed, registry)),
      template_failures(CounterFamily(kTemplateFailures, registry)),
      duration(HistogramFamily(kDuration, registry)
                   .Add({}, prometheus::Histogram::BucketBoundaries{0.001, 0.01, 0.1, 1, 10})),
      pending(GaugeFamily(kAlerts, registry).Add({{"state", "pending"}})),
      firing(GaugeFamily(kAlerts, registry).Add({{"state", "firing"}})),
      state_changes(CounterFamily(kStateChanges, registry).Add({})),
      state_failures(CounterFamily(kStateFailures, registry).Add({})) {}

GroupCounters::GroupCounters(EvaluatorInstruments& instruments, const std::string& title)
    : evaluations(instruments.evaluations.Add({{"group", title}})),
      failures(instruments.failures.Add({{"group", title}})),
      missed(instruments.missed.Add({{"group", title}})),
      template_failures(instruments.template_failures.Add({{"group", title}})) {}

void GroupCounters::Remove(EvaluatorInstruments& instruments) {
  instruments.evaluations.Remove(&evaluations);
  instruments.failures.Remove(&failures);
  instruments.missed.Remove(&missed);
  instruments.template_failures.Remove(&template_failures);
}

}  // namespace tierwatch
