// One recording rule: the series that it gives and what they are made of.
#pragma once

#include <cstdint>
#include <map>
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
  /// are more than `limit` (0: any number). Elements of the same frame as the last time's cost no
  /// string.
  Result<RuleOutput> Take(const promql::Elements& elements, TimestampMs time, int limit);

  const Rule& rule() const { return rule_; }

 private:
  struct Named {
    std::shared_ptr<const Labels> labels;  // null until the element first has a value
    std::uint64_t* last_taken = nullptr;   // of all elements that become this series
  };
  void Name(std::size_t i);

  Rule rule_;
  series::FramePtr frame_;                 // of the last elements
  std::vector<Named> series_{};            // by element
  std::map<Labels, std::uint64_t> taken_;  // by series: the number of the Take that had it last
  std::uint64_t number_ = 0;               // of the Take under way
};

}  // namespace tierwatch
