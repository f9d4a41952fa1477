// What is certain of the labels of an expression's result before anything is evaluated.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "alerts/promql/promql.h"

namespace tierwatch {

/// Of a label. Likely: whoever wrote the expression counts on it (`by (job)`), but a series without
/// it is possible.
enum class Presence { kSure, kLikely, kUnknown, kNever };

struct LabelFact {
  Presence presence = Presence::kUnknown;
  std::optional<std::string> value{};  // where it has the label, it has this value
};

/// The labels of every element of a vector; the metric's name is none of them.
struct LabelFacts {
  std::map<std::string, LabelFact, std::less<>> labels;
  Presence others = Presence::kUnknown;  // of what is not in `labels`: unknown or never

  LabelFact Of(std::string_view label) const;
  void Set(std::string_view label, LabelFact fact);
};

/// What is known of metrics by name: their labels.
using MetricFacts = std::map<std::string, LabelFacts, std::less<>>;

/// Of an expression that gives a vector or range vector; of a scalar, no labels. Source of what
/// operators do to labels: prometheus/promql/engine.go.
LabelFacts InferLabels(const promql::Expr& expr, const MetricFacts& metrics);

}  // namespace tierwatch
