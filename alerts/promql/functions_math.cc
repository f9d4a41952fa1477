#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <optional>

#include "alerts/promql/functions.h"
#include "alerts/promql/instant.h"

namespace tierwatch::promql {
namespace {

using enum ValueType;

double Abs(double v) { return std::abs(v); }
double Acos(double v) { return std::acos(v); }
double Acosh(double v) { return std::acosh(v); }
double Asin(double v) { return std::asin(v); }
double Asinh(double v) { return std::asinh(v); }
double Atan(double v) { return std::atan(v); }
double Atanh(double v) { return std::atanh(v); }
double Ceil(double v) { return std::ceil(v); }
double Cos(double v) { return std::cos(v); }
double Cosh(double v) { return std::cosh(v); }
double Deg(double v) { return v * 180 / std::numbers::pi; }
double Exp(double v) { return std::exp(v); }
double Floor(double v) { return std::floor(v); }
double Ln(double v) { return std::log(v); }
double Log10(double v) { return std::log10(v); }
double Log2(double v) { return std::log2(v); }
double Rad(double v) { return v * std::numbers::pi / 180; }
double Sgn(double v) { return v < 0 ? -1 : v > 0 ? 1 : v; }
double Sin(double v) { return std::sin(v); }
double Sinh(double v) { return std::sinh(v); }
double Sqrt(double v) { return std::sqrt(v); }
double Tan(double v) { return std::tan(v); }
double Tanh(double v) { return std::tanh(v); }

// As Go's math.Min and math.Max: NaN wins, but for an infinity of the function's own side.
double Least(double a, double b) {
  if (std::isinf(a) && a < 0) return a;
  if (std::isinf(b) && b < 0) return b;
  if (std::isnan(a) || std::isnan(b)) return std::numeric_limits<double>::quiet_NaN();
  return std::min(a, b);
}
double Greatest(double a, double b) { return -Least(-a, -b); }

// The arguments behind the first one, by step.
Result<std::vector<StepScalar>> Scalars(Evaluator& evaluator, const Call& call, std::size_t from) {
  std::vector<StepScalar> scalars;
  for (std::size_t i = from; i < call.args.size(); ++i) {
    Result<StepScalar> scalar = evaluator.Scalar(*call.args[i]);
    if (!scalar.ok()) return scalar.error();
    scalars.push_back(std::move(scalar).value());
  }
  return scalars;
}

Result<Value> ClampTo(Evaluator& evaluator, const Expr& expr, const Call& call,
                      const StepScalar* least, const StepScalar* most) {
  Result<StepVector> vector = evaluator.Vector(*call.args[0]);
  if (!vector.ok()) return vector.error();
  return MapFloats(evaluator, expr, std::move(vector).value(), [&](std::size_t step, double v) {
    const double low = least != nullptr ? (*least)[step] : -std::numeric_limits<double>::infinity();
    const double high = most != nullptr ? (*most)[step] : std::numeric_limits<double>::infinity();
    return high < low ? Absent() : Greatest(low, Least(high, v));
  });
}

Result<Value> Clamp(Evaluator& evaluator, const Expr& expr, const Call& call) {
  const auto scalars = Scalars(evaluator, call, 1);
  if (!scalars.ok()) return scalars.error();
  return ClampTo(evaluator, expr, call, &(*scalars)[0], &(*scalars)[1]);
}

Result<Value> ClampMax(Evaluator& evaluator, const Expr& expr, const Call& call) {
  const auto scalars = Scalars(evaluator, call, 1);
  if (!scalars.ok()) return scalars.error();
  return ClampTo(evaluator, expr, call, nullptr, &(*scalars)[0]);
}

Result<Value> ClampMin(Evaluator& evaluator, const Expr& expr, const Call& call) {
  const auto scalars = Scalars(evaluator, call, 1);
  if (!scalars.ok()) return scalars.error();
  return ClampTo(evaluator, expr, call, &(*scalars)[0], nullptr);
}

Result<Value> Round(Evaluator& evaluator, const Expr& expr, const Call& call) {
  Result<StepVector> vector = evaluator.Vector(*call.args[0]);
  if (!vector.ok()) return vector.error();
  const auto scalars = Scalars(evaluator, call, 1);
  if (!scalars.ok()) return scalars.error();
  return MapFloats(evaluator, expr, std::move(vector).value(), [&](std::size_t step, double v) {
    const double inverse = 1 / (scalars->empty() ? 1 : scalars->front()[step]);
    return std::floor(v * inverse + 0.5) / inverse;
  });
}

Result<Value> Pi(Evaluator& evaluator, const Expr&, const Call&) {
  return Value{StepScalar(evaluator.steps().count, std::numbers::pi)};
}

template <double (*kCombine)(double, double)>
Result<Value> OfTwo(Evaluator& evaluator, const Expr&, const Call& call) {
  auto scalars = Scalars(evaluator, call, 0);
  if (!scalars.ok()) return scalars.error();
  StepScalar result = (*scalars)[0];
  for (std::size_t step = 0; step < result.size(); ++step)
    result[step] = kCombine(result[step], (*scalars)[1][step]);
  return Value{std::move(result)};
}

constexpr Function kFunctions[] = {
    {"abs", {kVector}, 0, kVector, Mapped<Abs>},
    {"acos", {kVector}, 0, kVector, Mapped<Acos>},
    {"acosh", {kVector}, 0, kVector, Mapped<Acosh>},
    {"asin", {kVector}, 0, kVector, Mapped<Asin>},
    {"asinh", {kVector}, 0, kVector, Mapped<Asinh>},
    {"atan", {kVector}, 0, kVector, Mapped<Atan>},
    {"atanh", {kVector}, 0, kVector, Mapped<Atanh>},
    {"ceil", {kVector}, 0, kVector, Mapped<Ceil>},
    {"clamp", {kVector, kScalar, kScalar}, 0, kVector, Clamp},
    {"clamp_max", {kVector, kScalar}, 0, kVector, ClampMax},
    {"clamp_min", {kVector, kScalar}, 0, kVector, ClampMin},
    {"cos", {kVector}, 0, kVector, Mapped<Cos>},
    {"cosh", {kVector}, 0, kVector, Mapped<Cosh>},
    {"deg", {kVector}, 0, kVector, Mapped<Deg>},
    {"exp", {kVector}, 0, kVector, Mapped<Exp>},
    {"floor", {kVector}, 0, kVector, Mapped<Floor>},
    {"ln", {kVector}, 0, kVector, Mapped<Ln>},
    {"log10", {kVector}, 0, kVector, Mapped<Log10>},
    {"log2", {kVector}, 0, kVector, Mapped<Log2>},
    {"max_of", {kScalar, kScalar}, 0, kScalar, OfTwo<Greatest>, kExperimental},
    {"min_of", {kScalar, kScalar}, 0, kScalar, OfTwo<Least>, kExperimental},
    {"pi", {}, 0, kScalar, Pi},
    {"rad", {kVector}, 0, kVector, Mapped<Rad>},
    {"round", {kVector, kScalar}, 1, kVector, Round},
    {"sgn", {kVector}, 0, kVector, Mapped<Sgn>},
    {"sin", {kVector}, 0, kVector, Mapped<Sin>},
    {"sinh", {kVector}, 0, kVector, Mapped<Sinh>},
    {"sqrt", {kVector}, 0, kVector, Mapped<Sqrt>},
    {"tan", {kVector}, 0, kVector, Mapped<Tan>},
    {"tanh", {kVector}, 0, kVector, Mapped<Tanh>},
};

}  // namespace

std::span<const Function> MathFunctions() { return kFunctions; }

}  // namespace tierwatch::promql
