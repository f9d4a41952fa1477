// Rule questions that a function answers, for tests of rules without a store.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "alerts/promql/memo.h"
#include "alerts/rules/query.h"

namespace tierwatch {

/// Gives elements of the same frame as long as the answers have the same label sets in the same
/// order.
class VectorQuestions final : public RuleQuestions {
 public:
  explicit VectorQuestions(RuleQuery answer) : answer_(std::move(answer)) {}

  static MakeRuleQuestions Make(RuleQuery answer) {
    return [answer = std::move(answer)](const std::set<std::string>&) {
      return std::make_unique<VectorQuestions>(answer);
    };
  }

  std::size_t Add(promql::ExprPtr expr) override {
    questions_.push_back({std::move(expr), nullptr});
    return questions_.size() - 1;
  }
  void NewRound() override {}
  Result<promql::Elements> Ask(std::size_t number, TimestampMs time) override {
    auto& [expr, frame] = questions_[number];
    const Result<promql::Vector> vector = answer_(expr, time);
    if (!vector.ok()) return vector.error();
    promql::Elements elements;
    series::FrameBuilder fresh(symbols_);
    for (const promql::VectorSample& sample : *vector) {
      fresh.Add(series::Interned(*symbols_, sample.labels));
      elements.values.push_back(sample.value);
      elements.histograms.push_back(sample.histogram);
    }
    elements.frame = promql::Settled(frame, fresh.Finish());
    return elements;
  }

 private:
  struct Question {
    promql::ExprPtr expr;
    series::FramePtr frame;
  };
  const RuleQuery answer_;
  const std::shared_ptr<series::Symbols> symbols_ = std::make_shared<series::Symbols>();
  std::vector<Question> questions_;
};

}  // namespace tierwatch
