#include "alerts/rules/group.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "alerts/rules/go_format.h"

namespace tierwatch {
namespace {

double SecondsSince(SteadyTime start, const Clock& clock) {
  return std::chrono::duration<double>(clock.Steady() - start).count();
}

Result<RuleOutput> Record(const Rule& rule, const RuleContext& context) {
  Result<promql::Vector> vector = context.query(rule.expr, context.query_time);
  if (!vector.ok()) return std::move(vector).error();
  RuleOutput output;
  std::unordered_set<Labels, LabelsHash> seen;
  for (promql::VectorSample& sample : *vector) {
    Labels labels = std::move(sample.labels);
    labels.Set(kMetricName, rule.name);
    for (const TemplatedText& label : rule.labels) labels.Set(label.name, label.text.text());
    if (!seen.insert(labels).second) {
      return Error{"vector contains metrics with the same labelset after applying rule labels"};
    }
    output.samples.push_back({std::move(labels), context.query_time, sample.value});
  }
  if (context.limit > 0 && output.samples.size() > static_cast<std::size_t>(context.limit)) {
    return Error{
        fmt::format("exceeded limit of {} with {} series", context.limit, output.samples.size()),
        Reason::kLimit};
  }
  return output;
}

bool SameRule(const Rule& a, const Rule& b) {
  const auto same_label = [](const TemplatedText& x, const TemplatedText& y) {
    return x.name == y.name && x.text.text() == y.text.text();
  };
  return a.kind == b.kind && a.name == b.name &&
         std::equal(a.labels.begin(), a.labels.end(), b.labels.begin(), b.labels.end(), same_label);
}

}  // namespace

const Rule& Group::Entry::plain() const {
  const auto* alerting = std::get_if<AlertingRule>(&rule);
  return alerting ? alerting->rule() : std::get<Rule>(rule);
}

Group::Group(RuleGroup group)
    : file_(std::move(group.file)),
      name_(std::move(group.name)),
      interval_(std::max(group.interval, Millis(1))),
      query_offset_(group.query_offset),
      limit_(group.limit) {
  for (Rule& rule : group.rules) {
    const bool alerting = rule.kind == Rule::Kind::kAlerting;
    Entry entry{alerting ? Evaluated(AlertingRule(std::move(rule))) : Evaluated(std::move(rule)),
                {},
                "",
                0,
                0};
    entries_.push_back(std::move(entry));
  }
}

TimestampMs Group::SlotAt(TimestampMs now) const {
  const TimestampMs step = interval_.count();
  const auto hash = Labels{{"name", name_}, {"file", file_}}.Fingerprint();
  const auto offset = static_cast<TimestampMs>(hash % static_cast<std::uint64_t>(step));
  const TimestampMs shifted = now - offset;
  const TimestampMs past = ((shifted % step) + step) % step;  // also before 1970
  return now - past;
}

Result<RuleOutput> Group::EvaluateRule(Entry& entry, TimestampMs time,
                                       const GroupContext& context) const {
  const RuleContext rule_context{time,          time - query_offset_.count(), limit_,
                                 context.query, context.external_labels,      context.external_url};
  if (auto* alerting = std::get_if<AlertingRule>(&entry.rule))
    return alerting->Evaluate(rule_context);
  return Record(std::get<Rule>(entry.rule), rule_context);
}

void Group::Write(Entry& entry, std::vector<OutputSample> samples, TimestampMs time,
                  const SeriesSink& series) const {
  std::unordered_set<Labels, LabelsHash> written;
  for (const OutputSample& sample : samples) {
    written.insert(sample.labels);
    entry.series.erase(sample.labels);
  }
  for (const Labels& vanished : entry.series) {
    samples.push_back({vanished, time - query_offset_.count(), std::nullopt});
  }
  entry.series = std::move(written);
  if (!samples.empty()) series(samples);
}

void Group::SetGenerator(const Rule& rule, const std::string& external_url,
                         std::vector<Alert>& alerts) const {
  for (Alert& alert : alerts) {
    alert.generator_url =
        external_url + "/graph?g0.expr=" + tmpl::QueryEscape(rule.expr_text) + "&g0.tab=1";
  }
}

GroupResult Group::Evaluate(TimestampMs time, const GroupContext& context) {
  GroupResult group_result;
  const SteadyTime group_start = context.clock.Steady();
  for (Entry& entry : entries_) {
    const SteadyTime start = context.clock.Steady();
    Result<RuleOutput> output = EvaluateRule(entry, time, context);
    entry.last_error = output.ok() ? "" : output.error().message;
    if (output.ok()) {
      group_result.template_failures += output->template_failures;
      Write(entry, std::move(output->samples), time, context.series);
    } else {
      group_result.errors.push_back(
          fmt::format("rule {}: {}", entry.plain().name, entry.last_error));
    }
    if (auto* alerting = std::get_if<AlertingRule>(&entry.rule)) {
      std::vector<Alert> due = alerting->TakeDue(time, context.resend_delay);
      SetGenerator(alerting->rule(), context.external_url, due);
      std::move(due.begin(), due.end(), std::back_inserter(group_result.due));
    }
    entry.last_evaluation = time;
    entry.last_duration_seconds = SecondsSince(start, context.clock);
  }
  last_evaluation_ = time;
  last_duration_seconds_ = SecondsSince(group_start, context.clock);
  return group_result;
}

void Group::Adopt(Group& former) {
  std::vector<bool> taken(former.entries_.size());
  for (Entry& entry : entries_) {
    for (std::size_t i = 0; i < former.entries_.size(); ++i) {
      Entry& old = former.entries_[i];
      if (taken[i] || !SameRule(entry.plain(), old.plain())) continue;
      taken[i] = true;
      entry.series = std::exchange(old.series, {});
      entry.last_error = old.last_error;
      entry.last_evaluation = old.last_evaluation;
      if (auto* alerting = std::get_if<AlertingRule>(&entry.rule)) {
        alerting->AdoptAlerts(std::get<AlertingRule>(old.rule));
      }
      break;
    }
  }
  last_evaluation_ = former.last_evaluation_;
}

GroupResult Group::End(TimestampMs time, const GroupContext& context) {
  GroupResult result;
  for (Entry& entry : entries_) {
    Write(entry, {}, time, context.series);
    if (auto* alerting = std::get_if<AlertingRule>(&entry.rule)) {
      alerting->ResolveAll(time);
      std::vector<Alert> due = alerting->TakeDue(time, context.resend_delay);
      SetGenerator(alerting->rule(), context.external_url, due);
      std::move(due.begin(), due.end(), std::back_inserter(result.due));
    }
  }
  return result;
}

GroupStatus Group::Status() const {
  GroupStatus status{file_, name_, interval_, limit_, last_evaluation_, last_duration_seconds_, {}};
  for (const Entry& entry : entries_) {
    RuleStatus rule{
        entry.plain(), entry.last_error, entry.last_evaluation, entry.last_duration_seconds, {}};
    if (const auto* alerting = std::get_if<AlertingRule>(&entry.rule)) {
      for (Alert& alert : alerting->Alerts()) {
        if (alert.state != AlertState::kResolved) rule.alerts.push_back(std::move(alert));
      }
    }
    status.rules.push_back(std::move(rule));
  }
  return status;
}

}  // namespace tierwatch
