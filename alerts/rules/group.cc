#include "alerts/rules/group.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <unordered_set>
#include <utility>

#include "alerts/template/go_format.h"

namespace tierwatch {
namespace {

double Seconds(SteadyTime::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

// Where a person can ask what the rule asks.
std::string GeneratorUrl(const Rule& rule, const GroupContext& context) {
  return context.external_url + "/graph?g0.expr=" + tmpl::QueryEscape(rule.expr_text) + "&g0.tab=1";
}

// Receivers wait for three more words before they take it that nobody is left to speak.
constexpr int kValidFor = 4;

void AppendDue(AlertingRule& rule, TimestampMs time, Millis interval, const GroupContext& context,
               std::vector<Alert>& due) {
  const Millis valid = kValidFor * std::max(interval, context.resend_delay);
  for (Alert& alert : rule.TakeDue(time, context.resend_delay)) {
    alert.generator_url = GeneratorUrl(rule.rule(), context);
    alert.valid_until = time + valid.count();
    due.push_back(std::move(alert));
  }
}

// `alert Down{severity="page"}`: what Prometheus, too, goes by when it looks for a rule's
// successor.
std::string NameOf(const Rule& rule) {
  std::string name = rule.kind == Rule::Kind::kAlerting ? "alert " : "record ";
  name += rule.name + '{';
  for (const TemplatedText& label : rule.labels)
    name += label.name + '=' + Quote(label.text.text()) + ',';
  return name + '}';
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
  std::map<std::string, int> times;  // that a rule of that name came
  for (Rule& rule : group.rules) {
    std::string name = NameOf(rule);
    if (const int before = times[name]++; before > 0) name += fmt::format(" #{}", before + 1);
    RuleIdentity identity{file_, name_, std::move(name), rule.expr_text};
    std::string source = fmt::format("rule {};{};{}", file_, name_, entries_.size());
    const RuleReach reach = ReachOf(*rule.expr);
    reach_.Add(reach);
    const std::size_t question = questions_->Add(rule.expr);
    const bool alerting = rule.kind == Rule::Kind::kAlerting;
    auto kind = alerting ? std::variant<RecordingRule, AlertingRule>(AlertingRule(std::move(rule)))
                         : RecordingRule(std::move(rule));
    entries_.push_back({std::move(identity), std::move(source), reach.range + query_offset_,
                        question, std::move(kind)});
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
  if (alerting) {
    AppendDue(*alerting, rule_context.time, interval_, context, group_result.due);
    std::vector<AlertChange> changes = alerting->TakeChanges();
    if (!changes.empty())
      group_result.changes.push_back({entry.identity, false, std::move(changes)});
  }
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

void Group::Adopt(std::size_t rule, Group& former, std::size_t former_rule) {
  const std::scoped_lock lock(mutex_, former.mutex_);
  Entry& entry = entries_[rule];
  Entry& old = former.entries_[former_rule];
  entry.series = std::exchange(old.series, {});
  entry.last_error = old.last_error;
  entry.last_evaluation = old.last_evaluation;
  if (auto* alerting = std::get_if<AlertingRule>(&entry.rule))
    alerting->AdoptAlerts(std::get<AlertingRule>(old.rule));
  last_evaluation_ = std::max(last_evaluation_, former.last_evaluation_);
}

void Group::Restore(std::size_t rule, std::vector<SavedAlert> alerts, TimestampMs settled_at) {
  const std::lock_guard lock(mutex_);
  Entry& entry = entries_[rule];
  if (auto* alerting = std::get_if<AlertingRule>(&entry.rule))
    alerting->Restore(std::move(alerts), settled_at + entry.range.count());
}

GroupResult Group::End(TimestampMs time, const GroupContext& context) {
  GroupResult result;
  for (Entry& entry : entries_) {
    Write(entry, {}, time, context.series);
    auto* alerting = std::get_if<AlertingRule>(&entry.rule);
    if (!alerting) continue;
    const std::lock_guard lock(mutex_);
    alerting->ResolveAll(time);
    AppendDue(*alerting, time, interval_, context, result.due);
    result.changes.push_back(WholeState(entry));
  }
  return result;
}

void Group::ShiftTime(Millis by) {
  const std::lock_guard lock(mutex_);
  if (last_evaluation_ != 0) last_evaluation_ += by.count();
  for (Entry& entry : entries_) {
    if (entry.last_evaluation != 0) entry.last_evaluation += by.count();
    if (auto* alerting = std::get_if<AlertingRule>(&entry.rule)) alerting->ShiftTime(by);
  }
}

RuleChanges Group::WholeState(const Entry& entry) {
  RuleChanges changes{entry.identity, true, {}};
  for (SavedAlert& saved : std::get<AlertingRule>(entry.rule).States()) {
    Labels labels = saved.alert.labels;
    changes.alerts.push_back({std::move(labels), std::move(saved)});
  }
  return changes;
}

std::vector<RuleChanges> Group::States() const {
  const std::lock_guard lock(mutex_);
  std::vector<RuleChanges> states;
  for (const Entry& entry : entries_) {
    if (std::holds_alternative<AlertingRule>(entry.rule)) states.push_back(WholeState(entry));
  }
  return states;
}

std::vector<Alert> Group::Announcement(const GroupContext& context) const {
  const std::lock_guard lock(mutex_);
  std::vector<Alert> alerts;
  for (const Entry& entry : entries_) {
    const auto* alerting = std::get_if<AlertingRule>(&entry.rule);
    if (!alerting) continue;
    for (SavedAlert& saved : alerting->States()) {
      if (saved.alert.state == AlertState::kPending) continue;
      saved.alert.generator_url = GeneratorUrl(alerting->rule(), context);
      alerts.push_back(std::move(saved.alert));
    }
  }
  return alerts;
}

TimestampMs Group::last_evaluation() const {
  const std::lock_guard lock(mutex_);
  return last_evaluation_;
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
