#include "alerts/rules/group.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <unordered_set>
#include <utility>

#include "alerts/template/go_format.h"

namespace tierwatch {
namespace {

double Seconds(SteadyTime::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

// The alerts that a rule has to send, with the place where a person can ask what it asks.
void AppendDue(AlertingRule& rule, TimestampMs time, const GroupContext& context,
               std::vector<Alert>& due) {
  for (Alert& alert : rule.TakeDue(time, context.resend_delay)) {
    alert.generator_url = context.external_url +
                          "/graph?g0.expr=" + tmpl::QueryEscape(rule.rule().expr_text) +
                          "&g0.tab=1";
    due.push_back(std::move(alert));
  }
}

bool SameRule(const Rule& a, const Rule& b) {
  const auto same_label = [](const TemplatedText& x, const TemplatedText& y) {
    return x.name == y.name && x.text.text() == y.text.text();
  };
  return a.kind == b.kind && a.name == b.name &&
         std::equal(a.labels.begin(), a.labels.end(), b.labels.begin(), b.labels.end(), same_label);
}

std::set<std::string> NamesWritten(const RuleGroup& group) {
  std::set<std::string> names = {"ALERTS", "ALERTS_FOR_STATE"};
  for (const Rule& rule : group.rules) {
    if (rule.kind == Rule::Kind::kRecording) names.insert(rule.name);
  }
  return names;
}

}  // namespace

const Rule& Group::Entry::plain() const {
  return std::visit([](const auto& kind) -> const Rule& { return kind.rule(); }, rule);
}

Group::Group(RuleGroup group, const MakeRuleQuestions& questions)
    : file_(std::move(group.file)),
      name_(std::move(group.name)),
      interval_(std::max(group.interval, Millis(1))),
      query_offset_(group.query_offset),
      limit_(group.limit),
      questions_(questions(NamesWritten(group))) {
  for (Rule& rule : group.rules) {
    std::string source = fmt::format("rule {};{};{}", file_, name_, entries_.size());
    const std::size_t question = questions_->Add(rule.expr);
    if (rule.kind == Rule::Kind::kAlerting) {
      entries_.push_back({std::move(source), question, AlertingRule(std::move(rule))});
    } else {
      entries_.push_back({std::move(source), question, RecordingRule(std::move(rule))});
    }
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

// Writes the samples, and staleness markers for the series of last time that are none of them.
void Group::Write(Entry& entry, std::vector<OutputSample> samples, TimestampMs time,
                  const SeriesSink& series) const {
  const auto same = [](const std::shared_ptr<const Labels>& known, const OutputSample& sample) {
    return known == sample.labels;
  };
  if (!std::equal(entry.series.begin(), entry.series.end(), samples.begin(), samples.end(), same)) {
    std::unordered_set<Labels, LabelsHash> written;
    std::vector<std::shared_ptr<const Labels>> former = std::exchange(entry.series, {});
    for (const OutputSample& sample : samples) {
      written.insert(*sample.labels);
      entry.series.push_back(sample.labels);
    }
    for (std::shared_ptr<const Labels>& labels : former) {
      if (written.contains(*labels)) continue;
      samples.push_back({std::move(labels), time - query_offset_.count(), std::nullopt});
    }
  }
  if (!samples.empty()) series(entry.source, samples);
}

void Group::Evaluate(Entry& entry, const RuleContext& rule_context, const GroupContext& context,
                     GroupResult& group_result) {
  const Result<promql::Elements> elements =
      questions_->Ask(entry.question, rule_context.query_time);
  auto* alerting = std::get_if<AlertingRule>(&entry.rule);
  const auto take = [&]() -> Result<RuleOutput> {
    if (!elements.ok()) return elements.error();
    if (alerting) return alerting->Take(*elements, rule_context);
    return std::get<RecordingRule>(entry.rule).Take(*elements, rule_context.query_time, limit_);
  };
  std::unique_lock lock(mutex_);
  Result<RuleOutput> output = take();
  entry.last_error = output.ok() ? "" : output.error().message;
  entry.last_evaluation = rule_context.time;
  if (alerting) AppendDue(*alerting, rule_context.time, context, group_result.due);
  lock.unlock();
  if (output.ok()) {
    group_result.template_failures += output->template_failures;
    Write(entry, std::move(output->samples), rule_context.time, context.series);
  } else {
    group_result.errors.push_back(fmt::format("rule {}: {}", entry.plain().name, entry.last_error));
  }
}

GroupResult Group::Evaluate(TimestampMs time, const GroupContext& context) {
  const RuleContext rule_context{time,          time - query_offset_.count(), limit_,
                                 context.query, context.external_labels,      context.external_url};
  GroupResult result;
  questions_->NewRound();
  const SteadyTime start = context.clock.Steady();
  SteadyTime rule_start = start;
  for (Entry& entry : entries_) {
    Evaluate(entry, rule_context, context, result);
    const SteadyTime end = context.clock.Steady();
    const std::lock_guard lock(mutex_);
    entry.last_duration_seconds = Seconds(end - std::exchange(rule_start, end));
  }
  result.duration_seconds = Seconds(rule_start - start);
  const std::lock_guard lock(mutex_);
  last_evaluation_ = time;
  last_duration_seconds_ = result.duration_seconds;
  return result;
}

void Group::Adopt(Group& former) {
  const std::scoped_lock lock(mutex_, former.mutex_);
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
      const std::lock_guard lock(mutex_);
      alerting->ResolveAll(time);
      AppendDue(*alerting, time, context, result.due);
    }
  }
  return result;
}

GroupStatus Group::Status() const {
  const std::lock_guard lock(mutex_);
  GroupStatus status{file_, name_, interval_, limit_, last_evaluation_, last_duration_seconds_, {}};
  for (const Entry& entry : entries_) {
    const auto* alerting = std::get_if<AlertingRule>(&entry.rule);
    status.rules.push_back({entry.plain(), entry.last_error, entry.last_evaluation,
                            entry.last_duration_seconds,
                            alerting ? alerting->Alerts() : std::vector<Alert>()});
  }
  return status;
}

std::vector<Alert> Group::Alerts() const {
  const std::lock_guard lock(mutex_);
  std::vector<Alert> alerts;
  for (const Entry& entry : entries_) {
    if (const auto* alerting = std::get_if<AlertingRule>(&entry.rule)) {
      for (Alert& alert : alerting->Alerts()) alerts.push_back(std::move(alert));
    }
  }
  return alerts;
}

void Group::CountAlerts(int& pending, int& firing) const {
  for (const Entry& entry : entries_) {
    if (const auto* alerting = std::get_if<AlertingRule>(&entry.rule)) {
      alerting->CountAlerts(pending, firing);
    }
  }
}

}  // namespace tierwatch
