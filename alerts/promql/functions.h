// The functions of PromQL: one row each, in the table of its family (functions_*.cc).
#pragma once

#include <array>
#include <span>
#include <string_view>

#include "alerts/promql/promql.h"

namespace tierwatch::promql {

class Evaluator;  // alerts/promql/evaluator.h
struct Value;
struct Call;

inline constexpr int kAnyNumber = -1;

/// What else is to know of a function.
enum FunctionFlags : unsigned {
  kExperimental = 1,
  kKeepsName = 2,  // the result still is the metric that it was
  kStepDependent =
      4,             // differs from step to step even with constant arguments (time() and its like)
  kOnlyCounts = 16,  // of native histograms it looks at count and sum only
  kNeedsBuckets = 32,  // of native histograms it looks at the buckets
  kOfQuery = 8,        // a constant of the query: start(), end(), range(), step()
};

struct Function {
  using Implementation = Result<Value> (*)(Evaluator& evaluator, const Expr& expr,
                                           const Call& call);

  std::string_view name;
  std::array<ValueType, 5> args{};  // kNone behind the last one
  int variadic = 0;  // so many of the last arguments are optional; kAnyNumber: the last may occur
                     // any number of times
  ValueType returns = ValueType::kVector;
  Implementation run = nullptr;  // null: kOfQuery, a constant before anything is evaluated
  unsigned flags = 0;

  int arg_count() const;
};

// The families.
std::span<const Function> MathFunctions();
std::span<const Function> TimeFunctions();
std::span<const Function> LabelFunctions();
std::span<const Function> VectorFunctions();
std::span<const Function> RateFunctions();
std::span<const Function> OverTimeFunctions();
std::span<const Function> HistogramFunctions();

/// info(), in a file of its own (functions_info.cc).
Result<Value> EvaluateInfo(Evaluator& evaluator, const Expr& expr, const Call& call);

/// nullptr where there is none.
const Function* FindFunction(std::string_view name);

}  // namespace tierwatch::promql
