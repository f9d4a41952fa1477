#include "alerts/rules/alerting_rule.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace tierwatch {
namespace {

constexpr std::string_view kAlertName = "alertname";

std::string ExpandOrExplain(const Template& text, const TemplateData& data,
                            const TemplateQuery& query, std::uint64_t& failures) {
  Result<std::string> expanded = text.Expand(data, query);
  if (expanded.ok()) return ToUtf8(*expanded);
  ++failures;
  return fmt::format("<error expanding template: {}>", expanded.error().message);
}

void AppendSeries(const Alert& alert, TimestampMs time, std::vector<OutputSample>& samples) {
  Labels state = alert.labels;
  state.Set(kMetricName, "ALERTS");
  state.Set("alertstate", AlertStateName(alert.state));
  samples.push_back({std::move(state), time, 1.0});
  Labels since = alert.labels;
  since.Set(kMetricName, "ALERTS_FOR_STATE");
  // Whole seconds, as Prometheus writes them and reads them back.
  samples.push_back({std::move(since), time, static_cast<double>(alert.active_at / 1000)});
}

}  // namespace

Alert AlertingRule::MakeAlert(const promql::VectorSample& sample, const RuleContext& context,
                              std::uint64_t& template_failures) const {
  const TemplateData data{sample.labels, sample.value, context.external_labels,
                          context.external_url, context.time};
  const TemplateQuery query = [&context](std::string_view text) -> Result<promql::Vector> {
    const Result<promql::ExprPtr> expr = promql::Parse(text);
    if (!expr.ok()) return expr.error();
    return context.query(*expr, context.time);
  };
  Alert alert;
  alert.labels = sample.labels;
  alert.labels.Remove(kMetricName);
  for (const TemplatedText& label : rule_.labels) {
    alert.labels.Set(label.name, ExpandOrExplain(label.text, data, query, template_failures));
  }
  alert.labels.Set(kAlertName, rule_.name);
  for (const TemplatedText& annotation : rule_.annotations) {
    alert.annotations.Set(annotation.name,
                          ExpandOrExplain(annotation.text, data, query, template_failures));
  }
  alert.state = AlertState::kPending;
  alert.active_at = context.time;
  alert.value = sample.value;
  return alert;
}

Result<AlertingRule::AlertMap> AlertingRule::Candidates(const RuleContext& context,
                                                        std::uint64_t& template_failures) const {
  const Result<promql::Vector> vector = context.query(rule_.expr, context.query_time);
  if (!vector.ok()) return vector.error();
  AlertMap candidates;
  for (const promql::VectorSample& sample : *vector) {
    Alert alert = MakeAlert(sample, context, template_failures);
    Labels key = alert.labels;
    if (!candidates.emplace(std::move(key), ActiveAlert{std::move(alert)}).second) {
      return Error{"vector contains metrics with the same labelset after applying alert labels"};
    }
  }
  return candidates;
}

bool AlertingRule::Advance(ActiveAlert& active, bool returned, TimestampMs now) const {
  Alert& alert = active.alert;
  if (returned) {
    alert.keep_firing_since = 0;
  } else {
    if (alert.state == AlertState::kPending) return false;
    if (alert.state == AlertState::kResolved)
      return now - alert.resolved_at <= kResolvedRetention.count();
    if (alert.keep_firing_since == 0) alert.keep_firing_since = now;
    if (now - alert.keep_firing_since >= rule_.keep_firing.count()) {
      alert.state = AlertState::kResolved;
      alert.resolved_at = now;
    }
  }
  if (alert.state == AlertState::kPending && now - alert.active_at >= rule_.hold.count()) {
    alert.state = AlertState::kFiring;
    alert.fired_at = now;
  }
  return true;
}

Result<RuleOutput> AlertingRule::Evaluate(const RuleContext& context) {
  RuleOutput output;
  Result<AlertMap> candidates = Candidates(context, output.template_failures);
  if (!candidates.ok()) return std::move(candidates).error();

  for (auto& [labels, candidate] : *candidates) {
    const auto [known, is_new] = active_.try_emplace(labels, candidate);
    if (is_new) continue;
    if (known->second.alert.state == AlertState::kResolved) {
      known->second = std::move(candidate);
    } else {
      known->second.alert.value = candidate.alert.value;
      known->second.alert.annotations = std::move(candidate.alert.annotations);
    }
  }
  int count = 0;
  for (auto it = active_.begin(); it != active_.end();) {
    if (!Advance(it->second, candidates->contains(it->first), context.time)) {
      it = active_.erase(it);
      continue;
    }
    const Alert& alert = (it++)->second.alert;
    if (alert.state == AlertState::kResolved) continue;
    ++count;
    AppendSeries(alert, context.query_time, output.samples);
  }
  if (context.limit > 0 && count > context.limit) {
    ResolveAll(context.time);
    return Error{fmt::format("exceeded limit of {} with {} alerts", context.limit, count),
                 Reason::kLimit};
  }
  return output;
}

void AlertingRule::ResolveAll(TimestampMs now) {
  for (auto it = active_.begin(); it != active_.end();) {
    Alert& alert = it->second.alert;
    if (alert.state == AlertState::kFiring) {
      alert.state = AlertState::kResolved;
      alert.resolved_at = now;
    }
    it = alert.state == AlertState::kPending ? active_.erase(it) : std::next(it);
  }
}

std::vector<Alert> AlertingRule::TakeDue(TimestampMs now, Millis resend_delay) {
  std::vector<Alert> due;
  for (auto& [labels, active] : active_) {
    const Alert& alert = active.alert;
    if (alert.state == AlertState::kPending) continue;
    const bool told = alert.state == active.last_sent_state;
    if (told && active.last_sent_at + resend_delay.count() >= now) continue;
    active.last_sent_at = now;
    active.last_sent_state = alert.state;
    due.push_back(alert);
  }
  std::sort(due.begin(), due.end(),
            [](const Alert& a, const Alert& b) { return a.labels < b.labels; });
  return due;
}

std::vector<Alert> AlertingRule::Alerts() const {
  std::vector<Alert> alerts;
  for (const auto& [labels, active] : active_) alerts.push_back(active.alert);
  std::sort(alerts.begin(), alerts.end(),
            [](const Alert& a, const Alert& b) { return a.labels < b.labels; });
  return alerts;
}

}  // namespace tierwatch
