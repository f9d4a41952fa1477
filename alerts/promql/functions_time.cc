#include <chrono>
#include <cmath>

#include "alerts/promql/functions.h"
#include "alerts/promql/instant.h"

namespace tierwatch::promql {
namespace {

using enum ValueType;
namespace chrono = std::chrono;

// A moment in UTC, split as the date functions ask for it.
struct Moment {
  chrono::year_month_day date;
  chrono::sys_days day;
  std::int64_t second_of_day = 0;
};

constexpr std::int64_t kDay = 86'400;

double DaysInMonth(const Moment& m) {
  return static_cast<unsigned>(
      chrono::year_month_day_last(m.date.year(), m.date.month() / chrono::last).day());
}
double DayOfMonth(const Moment& m) { return static_cast<unsigned>(m.date.day()); }
double DayOfWeek(const Moment& m) { return chrono::weekday(m.day).c_encoding(); }
double DayOfYear(const Moment& m) {
  return static_cast<double>(
      (m.day - chrono::sys_days(m.date.year() / chrono::January / 1)).count() + 1);
}
double Hour(const Moment& m) { return static_cast<double>(m.second_of_day / 3600); }
double Minute(const Moment& m) { return static_cast<double>(m.second_of_day / 60 % 60); }
double Month(const Moment& m) { return static_cast<unsigned>(m.date.month()); }
double Year(const Moment& m) { return static_cast<int>(m.date.year()); }

// Dates beyond what a calendar here can hold, and NaN, give NaN.
double OfSeconds(double seconds, double (*part)(const Moment&)) {
  if (!(std::abs(seconds) < 9e11)) return series::OrdinaryNan();
  const auto whole = static_cast<std::int64_t>(seconds);
  const std::int64_t days = whole >= 0 ? whole / kDay : -((-whole + kDay - 1) / kDay);
  const chrono::sys_days day{chrono::days(days)};
  return part({chrono::year_month_day(day), day, whole - days * kDay});
}

template <double (*kPart)(const Moment&)>
Result<Value> DatePart(Evaluator& evaluator, const Expr& expr, const Call& call) {
  if (call.args.empty()) {
    StepVector now = evaluator.NewVector(evaluator.Unlabelled());
    for (std::size_t step = 0; step < now.steps; ++step) {
      now.values[step] =
          OfSeconds(std::floor(static_cast<double>(evaluator.steps().At(step)) / 1000), kPart);
    }
    return Value{std::move(now)};
  }
  Result<StepVector> vector = evaluator.Vector(*call.args[0]);
  if (!vector.ok()) return vector.error();
  return MapFloats(evaluator, expr, std::move(vector).value(),
                   [](std::size_t, double v) { return OfSeconds(v, kPart); });
}

Result<Value> Time(Evaluator& evaluator, const Expr&, const Call&) {
  StepScalar times(evaluator.steps().count);
  for (std::size_t step = 0; step < times.size(); ++step) {
    times[step] = static_cast<double>(evaluator.steps().At(step)) / 1000;
  }
  return Value{std::move(times)};
}

Result<Value> WithoutNames(Evaluator& evaluator, const Expr& expr, Result<StepVector> vector) {
  if (!vector.ok()) return vector.error();
  Result<StepVector> renamed = evaluator.DropNames(expr, std::move(vector).value());
  if (!renamed.ok()) return renamed.error();
  return Value{std::move(renamed).value()};
}

// Of a selector itself: the times of its samples. Of anything else: the times of the steps.
Result<Value> Timestamp(Evaluator& evaluator, const Expr& expr, const Call& call) {
  const Expr* inner = call.args[0].get();
  if (const auto* invariant = std::get_if<StepInvariant>(&inner->node))
    inner = invariant->expr.get();
  if (const auto* selector = std::get_if<VectorSelector>(&inner->node)) {
    return WithoutNames(evaluator, expr,
                        evaluator.SelectInstant(inner, *selector, Evaluator::Give::kTime));
  }
  Result<StepVector> vector = evaluator.Vector(*call.args[0]);
  if (!vector.ok()) return vector.error();
  vector->histograms.clear();
  for (std::size_t i = 0; i < vector->values.size(); ++i) {
    if (IsAbsent(vector->values[i])) continue;
    vector->values[i] = static_cast<double>(evaluator.steps().At(i % vector->steps)) / 1000;
  }
  return WithoutNames(evaluator, expr, std::move(vector));
}

// Known of a selector's own samples only.
Result<Value> StartTimestamp(Evaluator& evaluator, const Expr& expr, const Call& call) {
  const Expr& inner = Unwrap(*call.args[0]);
  const auto* selector = std::get_if<VectorSelector>(&inner.node);
  if (selector == nullptr || !evaluator.options().use_start_timestamps)
    return Value{evaluator.NewVector(FrameBuilder(evaluator.symbols()).Finish())};
  return WithoutNames(evaluator, expr,
                      evaluator.SelectInstant(&inner, *selector, Evaluator::Give::kStartTime));
}

constexpr Function kFunctions[] = {
    {"day_of_month", {kVector}, 1, kVector, DatePart<DayOfMonth>, kStepDependent},
    {"day_of_week", {kVector}, 1, kVector, DatePart<DayOfWeek>, kStepDependent},
    {"day_of_year", {kVector}, 1, kVector, DatePart<DayOfYear>, kStepDependent},
    {"days_in_month", {kVector}, 1, kVector, DatePart<DaysInMonth>, kStepDependent},
    {"end", {}, 0, kScalar, nullptr, kExperimental | kStepDependent | kOfQuery},
    {"hour", {kVector}, 1, kVector, DatePart<Hour>, kStepDependent},
    {"minute", {kVector}, 1, kVector, DatePart<Minute>, kStepDependent},
    {"month", {kVector}, 1, kVector, DatePart<Month>, kStepDependent},
    {"range", {}, 0, kScalar, nullptr, kExperimental | kStepDependent | kOfQuery},
    {"start", {}, 0, kScalar, nullptr, kExperimental | kStepDependent | kOfQuery},
    {"start_timestamp", {kVector}, 0, kVector, StartTimestamp, kExperimental},
    {"step", {}, 0, kScalar, nullptr, kExperimental | kStepDependent | kOfQuery},
    {"time", {}, 0, kScalar, Time, kStepDependent},
    {"timestamp", {kVector}, 0, kVector, Timestamp, kStepDependent},
    {"year", {kVector}, 1, kVector, DatePart<Year>, kStepDependent},
};

}  // namespace

std::span<const Function> TimeFunctions() { return kFunctions; }

}  // namespace tierwatch::promql
