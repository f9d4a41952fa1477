// Rules fed with vectors at times of a clock that stands still.
#pragma once

#include <gtest/gtest.h>
#include <prometheus/registry.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "alerts/rules/evaluator.h"
#include "alerts/rules/rule_file.h"
#include "tests/support/fake_clock.h"
#include "tests/support/vector_questions.h"

namespace tierwatch {

inline constexpr TimestampMs kStart = 1'700'000'000'000;
inline constexpr Millis kMinute{60'000};

/// An evaluator whose queries answer what the test has put under the expression's text.
class Bench {
 public:
  explicit Bench(const std::string& yaml, EvaluatorOptions options = {},
                 AlertStore* states = nullptr, TimestampMs now = kStart)
      : clock(now), evaluator(Read(yaml), std::move(options), Parts(states)) {}

  static std::vector<RuleGroup> Read(const std::string& yaml, const std::string& file = "f.yml") {
    Diagnostics diagnostics;
    auto groups = ReadRules(yaml, file, {}, {}, diagnostics);
    EXPECT_EQ(diagnostics.ToString(), "");
    return groups;
  }

  EvaluatorParts Parts(AlertStore* states) {
    const RuleQuery answer = [this](const promql::ExprPtr& expr,
                                    TimestampMs time) -> Result<promql::Vector> {
      asked.push_back(time);
      const auto found = answers.find(promql::Print(*expr));
      if (found == answers.end()) return promql::Vector{};
      return found->second;
    };
    return {VectorQuestions::Make(answer),
            answer,
            [this](const std::string&, const std::vector<OutputSample>& samples) {
              for (const OutputSample& sample : samples) {
                series[sample.labels->ToString()] =
                    sample.value ? std::to_string(static_cast<int>(*sample.value)) : "stale";
                last_sample_time = sample.time;
                written.push_back(sample.labels.get());
              }
            },
            [this](std::vector<Alert> alerts) {
              for (const Alert& alert : alerts) {
                sent.push_back(std::string(AlertStateName(alert.state)) + " " +
                               alert.labels.ToString());
                last_sent = alert;
              }
            },
            clock,
            *logger,
            registry,
            states};
  }

  /// Goes on by `by` and evaluates; gives what was sent.
  std::vector<std::string> After(Millis by) {
    sent.clear();
    clock.Advance(by);
    evaluator.RunNow();
    return sent;
  }

  double Metric(const std::string& name, const std::string& label = "") const {
    double sum = 0;
    for (const auto& family : registry.Collect()) {
      if (family.name != name) continue;
      for (const auto& metric : family.metric) {
        if (label.empty() || (!metric.label.empty() && metric.label[0].value == label)) {
          sum += metric.counter.value + metric.gauge.value;
        }
      }
    }
    return sum;
  }

  FakeClock clock;
  std::unique_ptr<Logger> logger = MakeNullLogger();
  prometheus::Registry registry;
  std::map<std::string, Result<promql::Vector>> answers;
  std::vector<TimestampMs> asked;
  std::map<std::string, std::string> series;
  TimestampMs last_sample_time = 0;
  std::vector<const Labels*> written;
  std::vector<std::string> sent;
  Alert last_sent;
  RuleEvaluator evaluator;
};

inline promql::Vector Sample(double value,
                             Labels labels = {{"__name__", "up"}, {"instance", "a"}}) {
  return {{std::move(labels), 0, value}};
}

}  // namespace tierwatch
