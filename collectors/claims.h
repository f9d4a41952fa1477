// What a backend says, made into samples: only values that can be what they claim to be.
#pragma once

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/metric.h"
#include "collectors/collector.h"
#include "collectors/json.h"

namespace tierwatch {

/// An absent or null value gives nothing; one of the wrong kind, or below zero, gives a problem of
/// Reason::kParse. At most 16 problems are kept: an answer that is wrong throughout need not say so
/// a thousand times.
class Claims {
 public:
  using LabelValues = std::initializer_list<std::string_view>;

  /// Adds `value` / `divisor`.
  void Number(const MetricInfo& info, LabelValues labels, const Json& value, double divisor = 1);
  /// Adds 1 for true, 0 for false.
  void Flag(const MetricInfo& info, LabelValues labels, const Json& value);
  /// Adds a 0/1 sample for each of `states`; a state that is none of them counts as the last,
  /// "unknown".
  void State(const MetricInfo& info, std::string_view state,
             std::span<const std::string_view> states);
  void Add(const MetricInfo& info, LabelValues labels, double value) {
    families_.Add(info, labels, value);
  }
  void Problem(Error error);

  Sample Take() &&;

 private:
  FamilySet families_;
  std::vector<Error> errors_;
};

}  // namespace tierwatch
