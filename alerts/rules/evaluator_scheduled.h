// The evaluator's view of one group: when it is due, and who evaluates it.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "alerts/rules/evaluator.h"

namespace tierwatch {

struct RuleEvaluator::Scheduled {
  Scheduled(RuleGroup plain, const MakeRuleQuestions& questions, EvaluatorInstruments& instruments)
      : group(std::move(plain), questions),
        title(group.file() + ";" + group.name()),
        counters(instruments, title) {}

  TimestampMs Step() const { return group.interval().count(); }
  TimestampMs Due() const { return wanted ? 0 : next; }

  Group group;
  const std::string title;
  GroupCounters counters;
  bool unsaved = false;  // the state database lacks something: the evaluating thread's

  // Guarded by the evaluator's mutex.
  TimestampMs next = 0;         // slot
  bool wanted = false;          // outside its slots
  int pending = 0, firing = 0;  // alerts, as last counted
};

struct RuleEvaluator::Turn {
  ScheduledPtr scheduled;
  TimestampMs time = 0;
};

struct RuleEvaluator::Pause {
  explicit Pause(RuleEvaluator& paused);
  ~Pause();
  Pause(const Pause&) = delete;
  Pause& operator=(const Pause&) = delete;
  RuleEvaluator& evaluator;
};

}  // namespace tierwatch
