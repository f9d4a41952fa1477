#include "alerts/rules/query.h"

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

}  // namespace tierwatch
