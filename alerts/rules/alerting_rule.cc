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
  Expander(const Labels& labels, double value, const RuleContext& context)
      : data_{labels, value, context.external_labels, context.external_url, context.time},
        query_([&context](std::string_view text) -> Result<std::vector<TemplateSample>> {
          const Result<promql::ExprPtr> expr = promql::Parse(text);
          if (!expr.ok()) return expr.error();
          Result<promql::Vector> vector = context.query(*expr, context.time);
          if (!vector.ok()) return std::move(vector).error();
          std::vector<TemplateSample> samples;
          for (promql::VectorSample& sample : *vector)
            samples.push_back({std::move(sample.labels), sample.value});
          return samples;
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

// Which alert the element is.
void AlertingRule::Identify(Element& element, double value, const RuleContext& context) {
  Labels labels = element.labels;
  labels.Remove(kMetricName);
  element.failed_labels = Expander(element.labels, value, context).Expand(rule_.labels, labels);
  labels.Set(kAlertName, rule_.name);
  const auto [at, fresh] = active_.try_emplace(labels);
  if (fresh) at->second.alert.labels = std::move(labels);
  element.active = &at->second;
  element.annotated = false;
}

// Finds the known elements again in a new frame: most of them are there.
void AlertingRule::TakeFrame(const series::FramePtr& frame) {
  std::vector<std::uint32_t> known(frame->size());
  if (frame_ && frame_->symbols() == frame->symbols() && !elements_.empty()) {
    series::FrameBuilder index(frame->symbols());
    for (const Element& element : elements_) index.Insert((*frame_)[element.place]);
    std::vector<Element> kept;
    for (std::size_t i = 0; i < frame->size(); ++i) {
      const std::optional<std::size_t> at = index.Find((*frame)[i]);
      if (!at) continue;
      kept.push_back(std::move(elements_[*at]));
      kept.back().place = i;
      known[i] = static_cast<std::uint32_t>(kept.size());
    }
    elements_ = std::move(kept);
  } else {
    elements_.clear();
  }
  known_ = std::move(known);
  frame_ = frame;
  ForgetInactive();
}

AlertingRule::Element& AlertingRule::ElementAt(std::size_t i, double value,
                                               const RuleContext& context) {
  if (known_[i] != 0) {
    Element& element = elements_[known_[i] - 1];
    if (labels_input_ != TemplateInput::kLabels) Identify(element, value, context);
    return element;
  }
  Element& element = elements_.emplace_back();
  known_[i] = static_cast<std::uint32_t>(elements_.size());
  element.place = i;
  element.labels = frame_->LabelsOf(i);
  Identify(element, value, context);
  return element;
}

// Which alerts those elements are that have a value. No alert is changed, so that a failure changes
// nothing.
std::optional<Error> AlertingRule::Identify(const promql::Elements& elements,
                                            const RuleContext& context) {
  if (frame_ != elements.frame) TakeFrame(elements.frame);
  ++number_;
  present_.clear();
  for (std::size_t i = 0; i < elements.values.size(); ++i) {
    if (!elements.Has(i)) continue;
    Active& active = *ElementAt(i, elements.values[i], context).active;
    present_.push_back(known_[i] - 1);
    if (std::exchange(active.taken, number_) != number_) continue;
    ForgetElements();
    return Error{"vector contains metrics with the same labelset after applying alert labels"};
  }
  return std::nullopt;
}

void AlertingRule::Annotate(Element& element, double value, const RuleContext& context) const {
  const bool same_value =
      std::bit_cast<std::uint64_t>(element.annotated_value) == std::bit_cast<std::uint64_t>(value);
  const bool current = annotations_input_ == TemplateInput::kLabels ||
                       (annotations_input_ == TemplateInput::kValue && same_value);
  if (element.annotated && current) return;
  Labels& annotations = element.active->alert.annotations;
  annotations = Labels();
  element.failed_annotations =
      rule_.annotations.empty()
          ? 0
          : Expander(element.labels, value, context).Expand(rule_.annotations, annotations);
  element.annotated_value = value;
  element.annotated = true;
}

void AlertingRule::Update(Element& element, double value, const RuleContext& context) {
  Active& active = *element.active;
  Alert& alert = active.alert;
  if (alert.state == AlertState::kInactive || alert.state == AlertState::kResolved) {
    Labels labels = std::move(alert.labels);
    const bool known = active.known;
    active = Active();
    active.taken = number_;
    active.known = known;
    alert.labels = std::move(labels);
    alert.state = AlertState::kPending;
    alert.active_at = context.time;
    element.annotated = false;
    Change(active);
  }
  active.restored = false;
  alert.value = value;
  Annotate(element, value, context);
}

bool AlertingRule::AdvanceAbsent(Active& active, TimestampMs now) {
  Alert& alert = active.alert;
  if (alert.state == AlertState::kResolved)
    return now - alert.resolved_at <= kResolvedRetention.count();
  if (active.restored && now < settled_at_) return true;
  if (alert.state == AlertState::kPending) return false;
  if (alert.keep_firing_since == 0) {
    alert.keep_firing_since = now;
    Change(active);
  }
  if (now - alert.keep_firing_since >= rule_.keep_firing.count()) {
    alert.state = AlertState::kResolved;
    alert.resolved_at = now;
    Change(active);
  }
  return true;
}

bool AlertingRule::Advance(Active& active, TimestampMs now) {
  Alert& alert = active.alert;
  if (active.taken != number_) return AdvanceAbsent(active, now);
  if (alert.keep_firing_since != 0) {
    alert.keep_firing_since = 0;
    Change(active);
  }
  if (alert.state == AlertState::kPending && now - alert.active_at >= rule_.hold.count()) {
    alert.state = AlertState::kFiring;
    alert.fired_at = now;
    Change(active);
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

Result<RuleOutput> AlertingRule::Take(const promql::Elements& elements,
                                      const RuleContext& context) {
  if (auto error = Identify(elements, context)) return *std::move(error);
  RuleOutput output;
  for (const std::uint32_t i : present_) {
    Element& element = elements_[i];
    Update(element, elements.values[element.place], context);
    output.template_failures += element.failed_labels + element.failed_annotations;
  }
  for (auto& [labels, active] : active_) {
    if (active.alert.state == AlertState::kInactive) continue;
    if (!Advance(active, context.time)) {
      active.alert = Alert();
      active.alert.labels = labels;
      Change(active);
      continue;
    }
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
  frame_ = nullptr;
  elements_.clear();
  known_.clear();
  ForgetInactive();
}

// Alerts that are none any more are kept as long as elements point there.
void AlertingRule::ForgetInactive() {
  std::set<const Active*> wanted;
  for (const Element& element : elements_) wanted.insert(element.active);
  std::erase_if(active_, [](const auto& item) {
    const Active& active = item.second;
    return active.alert.state == AlertState::kInactive && !active.changed;
  });
}

void AlertingRule::ResolveAll(TimestampMs now) {
  for (auto& [labels, active] : active_) {
    if (active.alert.state == AlertState::kFiring) {
      active.alert.state = AlertState::kResolved;
      active.alert.resolved_at = now;
      Change(active);
    } else if (active.alert.state == AlertState::kPending) {
      active.alert.state = AlertState::kInactive;
      Change(active);
    }
  }
  ForgetElements();
}

void AlertingRule::AdoptAlerts(AlertingRule& former) {
  ForgetElements();
  former.ForgetElements();
  active_ = std::exchange(former.active_, {});
  settled_at_ = former.settled_at_;
  for (auto& [labels, active] : active_) Change(active);
}

void AlertingRule::Restore(std::vector<SavedAlert> alerts, TimestampMs settled_at) {
  settled_at_ = settled_at;
  for (SavedAlert& saved : alerts) {
    Active& active = active_[saved.alert.labels];
    active.alert = std::move(saved.alert);
    active.last_sent_at = saved.last_sent_at;
    active.last_sent_state = saved.last_sent_state;
    active.known = active.restored = true;
  }
}

void AlertingRule::ShiftTime(Millis by) {
  const auto shift = [by](TimestampMs& time) {
    if (time != 0) time += by.count();
  };
  shift(settled_at_);
  for (auto& [labels, active] : active_) {
    shift(active.alert.active_at);
    shift(active.alert.fired_at);
    shift(active.alert.resolved_at);
    shift(active.alert.keep_firing_since);
    shift(active.last_sent_at);
    Change(active);
  }
}

std::vector<AlertChange> AlertingRule::TakeChanges() {
  std::vector<AlertChange> changes;
  if (!std::exchange(changed_, false)) return changes;
  for (auto& [labels, active] : active_) {
    if (!std::exchange(active.changed, false)) continue;
    const bool ended = active.alert.state == AlertState::kInactive;
    if (ended && !active.known) continue;
    active.known = !ended;
    changes.push_back({labels, {}});
    if (!ended) changes.back().saved = {active.alert, active.last_sent_at, active.last_sent_state};
  }
  return changes;
}

std::vector<SavedAlert> AlertingRule::States() const {
  std::vector<SavedAlert> states;
  for (const auto& [labels, active] : active_) {
    if (active.alert.state != AlertState::kInactive)
      states.push_back({active.alert, active.last_sent_at, active.last_sent_state});
  }
  return states;
}

std::vector<Alert> AlertingRule::TakeDue(TimestampMs now, Millis resend_delay) {
  std::vector<Alert> due;
  for (auto& [labels, active] : active_) {
    const Alert& alert = active.alert;
    if (alert.state == AlertState::kPending || alert.state == AlertState::kInactive) continue;
    const bool told = alert.state == active.last_sent_state;
    if (told && active.last_sent_at + resend_delay.count() >= now) continue;
    active.last_sent_at = now;
    active.last_sent_state = alert.state;
    if (!told) Change(active);
    due.push_back(alert);
  }
  return due;
}

std::vector<Alert> AlertingRule::Alerts() const {
  std::vector<Alert> alerts;
  for (const auto& [labels, active] : active_) {
    const AlertState state = active.alert.state;
    if (state == AlertState::kPending || state == AlertState::kFiring)
      alerts.push_back(active.alert);
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
