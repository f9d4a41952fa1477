// One recording rule: the series that it gives and what they are made of.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "alerts/rules/query.h"
#include "alerts/rules/rule.h"

namespace tierwatch {

/// Not thread-safe. Source of the semantics: prometheus/rules/recording.go.
class RecordingRule {
 public:
  explicit RecordingRule(Rule rule) : rule_(std::move(rule)) {}

  /// Makes samples at `time` of what the expression gave. Two of one label set are an error, and so
  /// are more than `limit` (0: any number). A series of the same source as the last time's costs no
  /// string.
  Result<RuleOutput> Take(const promql::Vector& result, TimestampMs time, int limit);

  const Rule& rule() const { return rule_; }

 private:
  Result<std::vector<std::shared_ptr<const Labels>>> Name(const promql::Vector& result) const;

  Rule rule_;
  ResultShape shape_;                                  // of the last result
  std::vector<std::shared_ptr<const Labels>> series_;  // of each of its elements
};

}  // namespace tierwatch
