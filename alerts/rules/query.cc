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

namespace {

class StandingQuestions final : public RuleQuestions {
 public:
  StandingQuestions(const promql::Engine& engine, const series::Queryable& storage,
                    const Clock& clock, Millis timeout, std::set<std::string> written)
      : standing_(engine.options(), storage, std::move(written)),
        clock_(clock),
        timeout_(timeout) {}

  std::size_t Add(promql::ExprPtr expr) override { return standing_.Add(std::move(expr)); }
  void NewRound() override { standing_.NewRound(); }
  Result<promql::Elements> Ask(std::size_t question, TimestampMs time) override {
    return standing_.Ask(question, time, After(clock_, timeout_));
  }

 private:
  promql::Standing standing_;
  const Clock& clock_;
  const Millis timeout_;
};

}  // namespace

MakeRuleQuestions AskStanding(const promql::Engine& engine, const series::Queryable& storage,
                              const Clock& clock, Millis timeout) {
  return [&engine, &storage, &clock, timeout](std::set<std::string> written) {
    return std::make_unique<StandingQuestions>(engine, storage, clock, timeout, std::move(written));
  };
}

SeriesSink WriteTo(series::Store& store) {
  return [&store](const std::string& source, const std::vector<OutputSample>& samples) {
    std::vector<series::Sample> taken;
    taken.reserve(samples.size());
    for (const OutputSample& sample : samples) {
      taken.push_back({*sample.labels, sample.time, sample.value.value_or(series::StaleMarker()),
                       sample.histogram});
    }
    store.Append(source, taken);
  };
}

}  // namespace tierwatch
