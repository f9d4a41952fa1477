// What the evaluator counts of its own doing.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <span>
#include <string>

#include "base/metric.h"

namespace tierwatch {

/// tierwatch_rule_…, tierwatch_alerts, tierwatch_alert_state_…, tierwatch_template_failures_total.
std::span<const MetricInfo> EvaluatorMetrics();

struct EvaluatorInstruments {
  explicit EvaluatorInstruments(prometheus::Registry& registry);

  prometheus::Family<prometheus::Counter>& evaluations;
  prometheus::Family<prometheus::Counter>& failures;
  prometheus::Family<prometheus::Counter>& missed;
  prometheus::Family<prometheus::Counter>& template_failures;
  prometheus::Histogram& duration;
  prometheus::Gauge& pending;
  prometheus::Gauge& firing;
  prometheus::Counter& state_changes;
  prometheus::Counter& state_failures;
};

/// The counters of one group. A family gives equal labels one counter, so that a group's successor
/// counts on.
struct GroupCounters {
  GroupCounters(EvaluatorInstruments& instruments, const std::string& title);
  void Remove(EvaluatorInstruments& instruments);

  prometheus::Counter& evaluations;
  prometheus::Counter& failures;
  prometheus::Counter& missed;
  prometheus::Counter& template_failures;
};

}  // namespace tierwatch
