// Binary operators: between scalars, between a vector and a scalar, and what two elements give.
#include "alerts/promql/binary.h"

#include <fmt/format.h>

#include <cmath>

#include "alerts/promql/evaluator.h"
#include "alerts/promql/histogram_element.h"
#include "alerts/series/float_histogram_quantile.h"

namespace tierwatch::promql {
namespace {

bool Compare(BinaryOp op, double a, double b) {
  switch (op) {
    case BinaryOp::kEqual:
      return a == b;
    case BinaryOp::kNotEqual:
      return a != b;
    case BinaryOp::kLess:
      return a < b;
    case BinaryOp::kLessEqual:
      return a <= b;
    case BinaryOp::kGreater:
      return a > b;
    case BinaryOp::kGreaterEqual:
      return a >= b;
    default:
      return false;
  }
}

bool IsTrim(BinaryOp op) { return op == BinaryOp::kTrimLower || op == BinaryOp::kTrimUpper; }

double Compute(BinaryOp op, double a, double b) {
  switch (op) {
    case BinaryOp::kAdd:
      return a + b;
    case BinaryOp::kSub:
      return a - b;
    case BinaryOp::kMul:
      return a * b;
    case BinaryOp::kDiv:
      return a / b;
    case BinaryOp::kMod:
      return std::fmod(a, b);
    case BinaryOp::kPow:
      return std::pow(a, b);
    case BinaryOp::kAtan2:
      return std::atan2(a, b);
    default:
      return Compare(op, a, b) ? 1 : 0;
  }
}

void NoteTypes(Evaluator& evaluator, BinaryOp op, const Point& a, const Point& b,
               const Place& where) {
  const auto name = [](const Point& point) { return point.histogram ? "histogram" : "float"; };
  evaluator.notes().Info(fmt::format("PromQL info: incompatible sample types encountered for "
                                     "binary operator \"{0}\": {1} {0} {2}",
                                     OpText(op), name(a), name(b)),
                         where);
}

// Two histograms: sums and differences with the layouts reconciled, and equality.
Element CombineTwo(Evaluator& evaluator, BinaryOp op, const Point& a, const Point& b,
                   const Place& where) {
  if (op == BinaryOp::kEqual || op == BinaryOp::kNotEqual) {
    return {a, true, a.histogram->Equals(*b.histogram) == (op == BinaryOp::kEqual)};
  }
  if (op != BinaryOp::kAdd && op != BinaryOp::kSub)
    return NoteTypes(evaluator, op, a, b, where), Element{};
  const bool add = op == BinaryOp::kAdd;
  const char* name = add ? "addition" : "subtraction";
  series::FloatHistogram result = *a.histogram;
  const series::CombineInfo info = add ? result.Add(*b.histogram) : result.Sub(*b.histogram);
  if (info.incompatible) {
    evaluator.notes().Warn(
        fmt::format("PromQL warning: incompatible bucket layout encountered for binary operator {}",
                    OpText(op)),
        where);
    return {};
  }
  if (info.hint_collision) evaluator.notes().WarnResetCollision(name, where);
  if (info.bounds_reconciled) evaluator.notes().InfoReconciled(name, where);
  if (!add) result.reset_hint = series::ResetHint::kGauge;
  result.Compact();
  return {{0, Share(std::move(result))}, true, true};
}

Element CombineHistograms(Evaluator& evaluator, BinaryOp op, const Point& a, const Point& b,
                          const Place& where) {
  if (a.histogram && b.histogram) return CombineTwo(evaluator, op, a, b, where);
  const auto scaled = [](const Point& point, auto change) {
    return Element{{0, Changed(*point.histogram,
                               [&](auto& histogram) {
                                 change(histogram);
                                 histogram.Compact();
                               })},
                   true,
                   true};
  };
  if (op == BinaryOp::kMul) {
    const double factor = a.histogram ? b.value : a.value;
    return scaled(a.histogram ? a : b, [&](auto& histogram) { histogram.Mul(factor); });
  }
  if (a.histogram && op == BinaryOp::kDiv)
    return scaled(a, [&](auto& histogram) { histogram.Div(b.value); });
  if (a.histogram && op == BinaryOp::kTrimUpper) {
    return {{0, Share(series::TrimUpper(*a.histogram, b.value))}, true, true};
  }
  if (a.histogram && op == BinaryOp::kTrimLower) {
    return {{0, Share(series::TrimLower(*a.histogram, b.value))}, true, true};
  }
  NoteTypes(evaluator, op, a, b, where);
  return {};
}

Result<StepVector> VectorWithScalar(Evaluator& evaluator, const Expr& expr, const Binary& node,
                                    StepVector vector, const StepScalar& scalar, bool swapped) {
  const bool comparison = IsComparison(node.op);
  const bool plain = vector.histograms.empty() && !IsTrim(node.op);
  for (std::size_t i = 0; plain && i < vector.values.size(); ++i) {
    const double element = vector.values[i], other = scalar[i % vector.steps];
    if (IsAbsent(element)) continue;
    const double result =
        swapped ? Compute(node.op, other, element) : Compute(node.op, element, other);
    const bool filter = comparison && !node.return_bool;
    vector.values[i] = !filter ? result : result != 0 ? element : Absent();
  }
  for (std::size_t i = 0; !plain && i < vector.size(); ++i) {
    for (std::size_t step = 0; step < vector.steps; ++step) {
      if (!vector.Has(i, step)) continue;
      const Point element = vector.At(i, step);
      const Point other{scalar[step]};
      Element result = Combine(evaluator, node.op, swapped ? other : element,
                               swapped ? element : other, expr.where);
      if (!result.matched) {
        vector.Set(i, step, {});
        continue;
      }
      if (comparison) result.point = node.return_bool ? Point{result.keep ? 1.0 : 0.0} : element;
      vector.Set(i, step, result.keep || node.return_bool ? result.point : Point{});
    }
  }
  if (!ChangesMetric(node.op) && !node.return_bool) return vector;
  return evaluator.DropNames(expr, std::move(vector));
}

}  // namespace

Element Combine(Evaluator& evaluator, BinaryOp op, const Point& a, const Point& b,
                const Place& where) {
  if (a.histogram || b.histogram) return CombineHistograms(evaluator, op, a, b, where);
  if (IsTrim(op)) {
    NoteTypes(evaluator, op, a, b, where);
    return {};
  }
  if (IsComparison(op)) return {a, true, Compare(op, a.value, b.value)};
  return {{Compute(op, a.value, b.value)}, true, true};
}

Result<Value> EvaluateBinary(Evaluator& evaluator, const Expr& expr, const Binary& node) {
  Result<Value> lhs = evaluator.Evaluate(*node.lhs);
  if (!lhs.ok()) return lhs;
  Result<Value> rhs = evaluator.Evaluate(*node.rhs);
  if (!rhs.ok()) return rhs;
  auto* left_scalar = std::get_if<StepScalar>(&lhs->value);
  auto* right_scalar = std::get_if<StepScalar>(&rhs->value);
  if (left_scalar != nullptr && right_scalar != nullptr) {
    for (std::size_t step = 0; step < left_scalar->size(); ++step) {
      (*left_scalar)[step] = Compute(node.op, (*left_scalar)[step], (*right_scalar)[step]);
    }
    return lhs;
  }
  const auto vector = [](Result<Value>& value) {
    return std::get<StepVector>(std::move(value->value));
  };
  Result<StepVector> result =
      left_scalar != nullptr
          ? VectorWithScalar(evaluator, expr, node, vector(rhs), *left_scalar, true)
      : right_scalar != nullptr
          ? VectorWithScalar(evaluator, expr, node, vector(lhs), *right_scalar, false)
      : IsSetOperator(node.op)
          ? EvaluateSetOperator(evaluator, expr, node, vector(lhs), vector(rhs))
          : EvaluateMatched(evaluator, expr, node, vector(lhs), vector(rhs));
  if (!result.ok()) return result.error();
  return Value{std::move(result).value()};
}

}  // namespace tierwatch::promql
