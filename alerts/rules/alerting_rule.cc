#include "alerts/rules/alerting_rule.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <set>
#include <utility>

namespace tierwatch {
namespace {

constexpr std::string_view kAlertName = "alertname";

TemplateInput InputOf(const std::vector<TemplatedText>& texts) {
  TemplateInput input = TemplateInput::kLabels;
  for (const TemplatedText& text : texts) input = std::max(input, text.text.input());
  return input;
}

// Expands the texts of one element of a result into labels.
class Expander {
 public:
  Expander(const promql::VectorSample& sample, const RuleContext& context)
      : data_{sample.labels, sample.value, context.external_labels, context.external_url,
              context.time},
        query_([&context](std::string_view text) -> Result<promql::Vector> {
          const Result<promql::ExprPtr> expr = promql::Parse(text);
          if (!expr.ok()) return expr.error();
          return context.query(*expr, context.time);
        }) {}

  /// Gives the number of texts that failed and became an explanation.
  std::uint64_t Expand(const std::vector<TemplatedText>& texts, Labels& labels) const {
    std::uint64_t failures = 0;
    for (const TemplatedText& text : texts) {
      const Result<std::string> expanded = text.text.Expand(data_, query_);
      if (!expanded.ok()) ++failures;
      labels.Set(text.name, expanded.ok() ? ToUtf8(*expanded)
                                          : fmt::format("<error expanding template: {}>",
                                                        expanded.error().message));
    }
    return failures;
  }

 private:
  const TemplateData data_;
  const TemplateQuery query_;
};

std::shared_ptr<const Labels> Named(Labels labels, std::string_view name) {
  labels.Set(kMetricName, name);
  return std::make_shared<const Labels>(std::move(labels));
}

}  // namespace

AlertingRule::AlertingRule(Rule rule)
    : rule_(std::move(rule)),
      labels_input_(InputOf(rule_.labels)),
      annotations_input_(InputOf(rule_.annotations)) {}

// Which alert each element is. Nothing is changed, so that a failure changes nothing.
Result<std::vector<AlertingRule::Element>> AlertingRule::Identify(
    const promql::Vector& result, const RuleContext& context) const {
  std::vector<Element> elements(result.size());
  std::set<std::reference_wrapper<const Labels>, std::less<Labels>> seen;
  for (std::size_t i = 0; i < result.size(); ++i) {
    Labels& labels = elements[i].labels;
    labels = result[i].labels;
    labels.Remove(kMetricName);
    elements[i].failed_labels = Expander(result[i], context).Expand(rule_.labels, labels);
    labels.Set(kAlertName, rule_.name);
    if (!seen.insert(labels).second) {
      return Error{"vector contains metrics with the same labelset after applying alert labels"};
    }
  }
  return elements;
}

void AlertingRule::Annotate(Element& element, const promql::VectorSample& sample,
                            const RuleContext& context) const {
  const bool same_value = std::bit_cast<std::uint64_t>(element.annotated_value) ==
                          std::bit_cast<std::uint64_t>(sample.value);
  const bool current = annotations_input_ == TemplateInput::kLabels ||
                       (annotations_input_ == TemplateInput::kValue && same_value);
  if (element.annotated && current) return;
  Labels& annotations = element.active->alert.annotations;
  annotations = Labels();
  element.failed_annotations =
      rule_.annotations.empty() ? 0
                                : Expander(sample, context).Expand(rule_.annotations, annotations);
  element.annotated_value = sample.value;
  element.annotated = true;
}

void AlertingRule::Update(Element& element, const promql::VectorSample& sample,
                          const RuleContext& context) const {
  Active& active = *element.active;
  Alert& alert = active.alert;
  if (alert.state == AlertState::kInactive || alert.state == AlertState::kResolved) {
    active = Active();
    alert.labels = element.labels;
    alert.state = AlertState::kPending;
    alert.active_at = context.time;
    element.annotated = false;
  }
  alert.value = sample.value;
  active.returned = true;
  Annotate(element, sample, context);
}

bool AlertingRule::Advance(Active& active, TimestampMs now) const {
  Alert& alert = active.alert;
  if (std::exchange(active.returned, false)) {
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

void AlertingRule::AppendSeries(Active& active, TimestampMs time,
                                std::vector<OutputSample>& samples) {
  const Alert& alert = active.alert;
  if (active.named_state != alert.state) {
    Labels state = alert.labels;
    state.Set("alertstate", AlertStateName(alert.state));
    active.state_series = Named(std::move(state), "ALERTS");
    active.named_state = alert.state;
  }
  if (!active.since_series) active.since_series = Named(alert.labels, "ALERTS_FOR_STATE");
  samples.push_back({active.state_series, time, 1.0});
  // Whole seconds, as Prometheus writes them and reads them back.
  samples.push_back({active.since_series, time, static_cast<double>(alert.active_at / 1000)});
}

Result<RuleOutput> AlertingRule::Take(const promql::Vector& result, const RuleContext& context) {
  if (labels_input_ != TemplateInput::kLabels || !shape_.Fits(result)) {
    Result<std::vector<Element>> elements = Identify(result, context);
    if (!elements.ok()) return std::move(elements).error();
    elements_ = std::move(*elements);
    shape_ = ResultShape(result);
    for (Element& element : elements_) element.active = &active_[element.labels];
  }
  RuleOutput output;
  for (std::size_t i = 0; i < result.size(); ++i) {
    Update(elements_[i], result[i], context);
    output.template_failures += elements_[i].failed_labels + elements_[i].failed_annotations;
  }
  for (auto it = active_.begin(); it != active_.end();) {
    if (!Advance(it->second, context.time)) {
      it = active_.erase(it);
      continue;
    }
    Active& active = (it++)->second;
    if (active.alert.state != AlertState::kResolved)
      AppendSeries(active, context.query_time, output.samples);
  }
  const std::size_t count = output.samples.size() / 2;
  if (context.limit > 0 && count > static_cast<std::size_t>(context.limit)) {
    ResolveAll(context.time);
    return Error{fmt::format("exceeded limit of {} with {} alerts", context.limit, count),
                 Reason::kLimit};
  }
  return output;
}

void AlertingRule::ForgetElements() {
  shape_ = ResultShape();
  elements_.clear();
}

void AlertingRule::ResolveAll(TimestampMs now) {
  ForgetElements();
  for (auto it = active_.begin(); it != active_.end();) {
    Alert& alert = it->second.alert;
    if (alert.state == AlertState::kFiring) {
      alert.state = AlertState::kResolved;
      alert.resolved_at = now;
    }
    it = alert.state == AlertState::kPending ? active_.erase(it) : std::next(it);
  }
}

void AlertingRule::AdoptAlerts(AlertingRule& former) {
  ForgetElements();
  former.ForgetElements();
  active_ = std::exchange(former.active_, {});
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
  return due;
}

std::vector<Alert> AlertingRule::Alerts() const {
  std::vector<Alert> alerts;
  for (const auto& [labels, active] : active_) {
    if (active.alert.state != AlertState::kResolved) alerts.push_back(active.alert);
  }
  return alerts;
}

void AlertingRule::CountAlerts(int& pending, int& firing) const {
  for (const auto& [labels, active] : active_) {
    if (active.alert.state == AlertState::kPending) ++pending;
    if (active.alert.state == AlertState::kFiring) ++firing;
  }
}

}  // namespace tierwatch
