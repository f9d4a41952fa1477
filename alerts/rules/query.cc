#include "alerts/rules/query.h"

#include <algorithm>
#include <utility>

namespace tierwatch {

RuleQuery MakeRuleQuery(const promql::Engine& engine, const series::Queryable& storage) {
  return
      [&engine, &storage](const promql::ExprPtr& expr, TimestampMs time) -> Result<promql::Vector> {
        Result<promql::QueryResult> result = engine.Instant(expr, storage, time);
        if (!result.ok()) return std::move(result).error();
        if (auto* vector = std::get_if<promql::Vector>(&result->value)) return std::move(*vector);
        if (const auto* scalar = std::get_if<promql::Scalar>(&result->value)) {
          return promql::Vector{{Labels(), scalar->time, scalar->value}};
        }
        return Error{"rule result is not a vector or scalar"};
      };
}

ResultShape::ResultShape(const promql::Vector& result) {
  labels_.reserve(result.size());
  for (const promql::VectorSample& sample : result) labels_.push_back(sample.labels);
}

bool ResultShape::Fits(const promql::Vector& result) const {
  return std::equal(
      labels_.begin(), labels_.end(), result.begin(), result.end(),
      [](const Labels& labels, const promql::VectorSample& s) { return labels == s.labels; });
}

}  // namespace tierwatch
