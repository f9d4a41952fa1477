// When groups are evaluated, and on which threads.
#include <algorithm>
#include <optional>

#include "alerts/rules/evaluator_scheduled.h"

namespace tierwatch {

RuleEvaluator::Pause::Pause(RuleEvaluator& paused) : evaluator(paused) {
  std::unique_lock lock(evaluator.mutex_);
  ++evaluator.pauses_;
  evaluator.rested_.wait(lock, [this] { return evaluator.busy_ == 0; });
}

RuleEvaluator::Pause::~Pause() {
  const std::lock_guard lock(evaluator.mutex_);
  --evaluator.pauses_;
  evaluator.leader_.notify_one();
}

void RuleEvaluator::Enqueue(const ScheduledPtr& scheduled) {
  queue_.emplace(scheduled->Due(), scheduled);
}

// The group is due at once, or as soon as it is not busy any more.
void RuleEvaluator::Want(const ScheduledPtr& scheduled) {
  const bool queued = queue_.erase({scheduled->Due(), scheduled}) > 0;
  scheduled->wanted = true;
  if (queued) Enqueue(scheduled);
}

// The group that has been due for longest leaves the queue.
std::optional<RuleEvaluator::Turn> RuleEvaluator::TakeTurn() {
  const TimestampMs now = parts_.clock.Now();
  while (pauses_ == 0 && !queue_.empty() && queue_.begin()->first <= now) {
    const ScheduledPtr scheduled = queue_.begin()->second;
    queue_.erase(queue_.begin());
    ++busy_;
    if (std::exchange(scheduled->wanted, false)) return Turn{scheduled, now};
    const TimestampMs slot = scheduled->group.SlotAt(now);
    scheduled->counters.missed.Increment(
        static_cast<double>((slot - scheduled->next) / scheduled->Step()));
    scheduled->next = slot + scheduled->Step();
    // What was evaluated out of turn after the slot came need not be evaluated for it as well.
    if (scheduled->group.last_evaluation() < slot) return Turn{scheduled, slot};
    --busy_;
    Enqueue(scheduled);
  }
  return std::nullopt;
}

void RuleEvaluator::Finish(const Turn& turn) {
  Scheduled& scheduled = *turn.scheduled;
  int pending = 0, firing = 0;
  scheduled.group.CountAlerts(pending, firing);
  const std::lock_guard lock(mutex_);
  pending_ += pending - std::exchange(scheduled.pending, pending);
  firing_ += firing - std::exchange(scheduled.firing, firing);
  instruments_.pending.Set(pending_);
  instruments_.firing.Set(firing_);
  Enqueue(turn.scheduled);
  if (--busy_ == 0) rested_.notify_all();
  if (queue_.begin()->second == turn.scheduled) leader_.notify_one();
}

SteadyTime RuleEvaluator::NextDue() const {
  if (queue_.empty() || pauses_ != 0) return SteadyTime::max();
  const TimestampMs wait = queue_.begin()->first - parts_.clock.Now();
  return parts_.clock.Steady() + Millis(std::max<TimestampMs>(wait, 0));
}

SteadyTime RuleEvaluator::RunDue() {
  std::unique_lock lock(mutex_);
  while (const std::optional<Turn> turn = TakeTurn()) {
    lock.unlock();
    Run(*turn);
    lock.lock();
  }
  return NextDue();
}

// One thread, the leader, waits for the time to come; whoever has something to do lets another lead
// before it begins.
void RuleEvaluator::Work(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    if (leading_) {
      idle_.wait(lock, stop, [this] { return !leading_; });
      continue;
    }
    if (const std::optional<Turn> turn = TakeTurn()) {
      idle_.notify_one();
      lock.unlock();
      Run(*turn);
      lock.lock();
      continue;
    }
    leading_ = true;
    const SteadyTime next = NextDue();
    const auto changed = [&] { return NextDue() < next; };
    if (next == SteadyTime::max()) {
      leader_.wait(lock, stop, changed);
    } else {
      leader_.wait_until(lock, stop, next, changed);
    }
    leading_ = false;
  }
  idle_.notify_all();
}

void RuleEvaluator::InputChanged(const std::set<std::string>& metrics) {
  const std::lock_guard lock(mutex_);
  for (const ScheduledPtr& scheduled : groups_) {
    const RuleReach& reach = scheduled->group.reach();
    const bool looks = std::any_of(metrics.begin(), metrics.end(),
                                   [&](const std::string& name) { return reach.Looks(name); });
    if (looks) Want(scheduled);
  }
  leader_.notify_one();
}

void RuleEvaluator::RunNow() {
  {
    const std::lock_guard lock(mutex_);
    for (const ScheduledPtr& scheduled : groups_) Want(scheduled);
  }
  RunDue();
}

void RuleEvaluator::ShiftTime(Millis by, const std::function<void()>& set_clock) {
  const Pause pause(*this);
  set_clock();
  const TimestampMs now = parts_.clock.Now();
  const std::lock_guard lock(mutex_);
  queue_.clear();
  for (const ScheduledPtr& scheduled : groups_) {
    scheduled->group.ShiftTime(by);
    scheduled->next = scheduled->group.SlotAt(now) + scheduled->Step();
    scheduled->unsaved = true;
    Enqueue(scheduled);
  }
  for (Ended& ended : ended_) ended.saved.alert.resolved_at += by.count();
}

}  // namespace tierwatch
