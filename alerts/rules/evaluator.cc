#include "alerts/rules/evaluator.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "alerts/rules/evaluator_scheduled.h"
#include "alerts/rules/rule_succession.h"

namespace tierwatch {
namespace {

using Place = std::pair<std::size_t, std::size_t>;  // group, rule

// Every rule's identity, and where it stands.
template <class Groups>
std::vector<RuleIdentity> Identities(const Groups& groups, std::vector<Place>& places) {
  std::vector<RuleIdentity> identities;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    for (std::size_t r = 0; r < groups[g]->group.size(); ++r) {
      identities.push_back(groups[g]->group.Identity(r));
      places.emplace_back(g, r);
    }
  }
  return identities;
}

void Shift(TimestampMs& time, TimestampMs by) {
  if (time != 0) time += by;
}

// A clock that was set back while no process ran: everything lasted as long as it did.
void ShiftAll(SavedAlert& saved, TimestampMs by) {
  Shift(saved.alert.active_at, by);
  Shift(saved.alert.fired_at, by);
  Shift(saved.alert.resolved_at, by);
  Shift(saved.alert.keep_firing_since, by);
  Shift(saved.last_sent_at, by);
}

}  // namespace

RuleEvaluator::RuleEvaluator(std::vector<RuleGroup> groups, EvaluatorOptions options,
                             EvaluatorParts parts)
    : options_(std::move(options)),
      parts_(std::move(parts)),
      context_{parts_.query,          parts_.series,         options_.external_labels,
               options_.external_url, options_.resend_delay, parts_.clock},
      instruments_(parts_.registry) {
  for (RuleGroup& group : groups) groups_.push_back(MakeScheduled(std::move(group)));
  for (const ScheduledPtr& scheduled : groups_) Enqueue(scheduled);
}

RuleEvaluator::~RuleEvaluator() = default;

RuleEvaluator::ScheduledPtr RuleEvaluator::MakeScheduled(RuleGroup plain) {
  auto scheduled = std::make_shared<Scheduled>(std::move(plain), parts_.questions, instruments_);
  scheduled->next = scheduled->group.SlotAt(parts_.clock.Now()) + scheduled->Step();
  return scheduled;
}

void RuleEvaluator::Run(const Turn& turn) {
  Scheduled& scheduled = *turn.scheduled;
  GroupResult result = scheduled.group.Evaluate(turn.time, context_);
  scheduled.counters.evaluations.Increment(static_cast<double>(scheduled.group.size()));
  scheduled.counters.failures.Increment(static_cast<double>(result.errors.size()));
  scheduled.counters.template_failures.Increment(static_cast<double>(result.template_failures));
  for (const std::string& error : result.errors)
    parts_.logger.Warn("rule evaluation failed", {{"group", scheduled.title}, {"error", error}});
  instruments_.duration.Observe(result.duration_seconds);
  if (scheduled.unsaved) result.changes = scheduled.group.States();
  scheduled.unsaved = !Save(result.changes);
  Send(std::move(result.due));
  Finish(turn);
}

bool RuleEvaluator::Save(std::span<const RuleChanges> changes) {
  if (!parts_.states || changes.empty()) return true;
  const Result<void> saved = parts_.states->Save(changes);
  if (!saved.ok()) {
    instruments_.state_failures.Increment();
    parts_.logger.Error("the state of alerts could not be written; they go on from memory",
                        {{"error", saved.error().message}});
    return false;
  }
  std::size_t alerts = 0;
  for (const RuleChanges& rule : changes) alerts += rule.alerts.size();
  instruments_.state_changes.Increment(static_cast<double>(alerts));
  return true;
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
  pending_ = firing_ = 0;
  for (const ScheduledPtr& scheduled : groups_) {
    scheduled->pending = scheduled->firing = 0;
    scheduled->group.CountAlerts(scheduled->pending, scheduled->firing);
    pending_ += scheduled->pending;
    firing_ += scheduled->firing;
  }
  instruments_.pending.Set(pending_);
  instruments_.firing.Set(firing_);
}

// Nobody evaluates the rule any more: its alerts are resolved, and remembered as such.
void RuleEvaluator::EndRule(SavedRule rule, std::vector<RuleChanges>& changes) {
  const TimestampMs now = parts_.clock.Now();
  RuleChanges whole{rule.rule, true, {}};
  for (SavedAlert& saved : rule.alerts) {
    if (saved.alert.state == AlertState::kPending) continue;
    if (saved.alert.state == AlertState::kFiring) {
      saved.alert.state = AlertState::kResolved;
      saved.alert.resolved_at = now;
    }
    whole.alerts.push_back({saved.alert.labels, saved});
    ended_.push_back({rule.rule, std::move(saved)});
  }
  changes.push_back(std::move(whole));
}

void RuleEvaluator::Restore(TimestampMs settled_at) {
  if (!parts_.states) return;
  Result<SavedState> state = parts_.states->Load();
  if (!state.ok()) {
    instruments_.state_failures.Increment();
    parts_.logger.Error("the state of alerts could not be read; they begin anew",
                        {{"error", state.error().message}});
    return;
  }
  const TimestampMs down = state->alive_at == 0 ? 0 : parts_.clock.Now() - state->alive_at;
  for (SavedRule& rule : state->rules) {
    for (SavedAlert& saved : rule.alerts) {
      if (down < 0) ShiftAll(saved, down);
      if (down <= 0 || options_.outage_counts) continue;
      if (saved.alert.state == AlertState::kPending) Shift(saved.alert.active_at, down);
      Shift(saved.alert.keep_firing_since, down);
    }
  }
  RestoreRules(std::move(state->rules), settled_at);
}

void RuleEvaluator::RestoreRules(std::vector<SavedRule> saved, TimestampMs settled_at) {
  const Pause pause(*this);
  std::vector<Place> places;
  std::vector<RuleIdentity> former;
  for (const SavedRule& rule : saved) former.push_back(rule.rule);
  const std::vector<RuleIdentity> rules = Identities(groups_, places);
  const auto predecessors = Predecessors(rules, former);
  std::vector<RuleChanges> changes;
  std::vector<bool> taken(saved.size());
  for (std::size_t i = 0; i < rules.size(); ++i) {
    if (!predecessors[i]) continue;
    SavedRule& rule = saved[*predecessors[i]];
    taken[*predecessors[i]] = true;
    const auto [g, r] = places[i];
    groups_[g]->group.Restore(r, std::move(rule.alerts), settled_at);
    if (rule.rule == rules[i]) continue;
    changes.push_back({rule.rule, true, {}});
    groups_[g]->unsaved = true;
  }
  std::vector<Alert> due;
  for (std::size_t i = 0; i < saved.size(); ++i) {
    if (!taken[i]) EndRule(std::move(saved[i]), changes);
  }
  for (const Ended& ended : ended_) due.push_back(ended.saved.alert);
  for (const ScheduledPtr& scheduled : groups_) {
    if (scheduled->unsaved)
      std::ranges::move(scheduled->group.States(), std::back_inserter(changes));
    std::ranges::move(scheduled->group.Announcement(context_), std::back_inserter(due));
  }
  const bool written = Save(changes);
  for (const ScheduledPtr& scheduled : groups_) scheduled->unsaved &= !written;
  Send(std::move(due));
  CountAlerts();
}

void RuleEvaluator::Replace(std::vector<RuleGroup> plain) {
  std::vector<ScheduledPtr> fresh;
  for (RuleGroup& group : plain) fresh.push_back(MakeScheduled(std::move(group)));
  const Pause pause(*this);
  const std::vector<ScheduledPtr> former = Listed();
  std::vector<Place> places, former_places;
  const std::vector<RuleIdentity> rules = Identities(fresh, places);
  const std::vector<RuleIdentity> former_rules = Identities(former, former_places);
  const auto predecessors = Predecessors(rules, former_rules);
  for (std::size_t i = 0; i < rules.size(); ++i) {
    if (!predecessors[i]) continue;
    const auto [g, r] = places[i];
    const auto [old_g, old_r] = former_places[*predecessors[i]];
    fresh[g]->group.Adopt(r, former[old_g]->group, old_r);
  }
  // A rule that came back is written with its group; its former alerts are nobody's to forget.
  const std::set<RuleIdentity> present(rules.begin(), rules.end());
  std::erase_if(ended_, [&](const Ended& ended) { return present.contains(ended.rule); });
  std::vector<RuleChanges> changes;
  std::vector<Alert> due;
  for (const ScheduledPtr& old : former) {
    GroupResult ended = old->group.End(parts_.clock.Now(), context_);
    std::ranges::move(ended.due, std::back_inserter(due));
    for (RuleChanges& rule : ended.changes) {
      for (const AlertChange& change : rule.alerts) ended_.push_back({rule.rule, *change.saved});
      changes.push_back(std::move(rule));
    }
    const auto successor = std::ranges::find(fresh, old->title, &Scheduled::title);
    if (successor == fresh.end()) {
      old->counters.Remove(instruments_);
    } else if ((*successor)->Step() == old->Step()) {
      (*successor)->next = old->next;
    }
  }
  for (const ScheduledPtr& scheduled : fresh)
    std::ranges::move(scheduled->group.States(), std::back_inserter(changes));
  const bool written = Save(changes);
  for (const ScheduledPtr& scheduled : fresh) scheduled->unsaved = !written;
  Send(std::move(due));
  const std::lock_guard lock(mutex_);
  groups_ = std::move(fresh);
  queue_.clear();
  for (const ScheduledPtr& scheduled : groups_) Enqueue(scheduled);
  CountAlerts();
}

void RuleEvaluator::Tend() {
  if (!parts_.states) return;
  const TimestampMs now = parts_.clock.Now();
  std::vector<RuleChanges> changes;
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(ended_, [&](const Ended& ended) {
      if (now - ended.saved.alert.resolved_at <= AlertingRule::kResolvedRetention.count())
        return false;
      changes.push_back({ended.rule, false, {{ended.saved.alert.labels, std::nullopt}}});
      return true;
    });
  }
  Save(changes);
  if (const Result<void> noted = parts_.states->NoteAlive(now); !noted.ok())
    instruments_.state_failures.Increment();
}

std::vector<RuleEvaluator::ScheduledPtr> RuleEvaluator::Listed() const {
  const std::lock_guard lock(mutex_);
  return groups_;
}

std::vector<Alert> RuleEvaluator::Alerts() const {
  std::vector<Alert> alerts;
  for (const ScheduledPtr& scheduled : Listed())
    std::ranges::move(scheduled->group.Alerts(), std::back_inserter(alerts));
  return alerts;
}

std::vector<GroupStatus> RuleEvaluator::Groups() const {
  std::vector<GroupStatus> groups;
  for (const ScheduledPtr& scheduled : Listed()) groups.push_back(scheduled->group.Status());
  return groups;
}

}  // namespace tierwatch
