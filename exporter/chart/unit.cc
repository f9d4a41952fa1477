#include "exporter/chart/unit.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "alerts/promql/ast.h"
#include "alerts/promql/functions.h"
#include "exporter/readable.h"

namespace tierwatch {
namespace {

using namespace promql;

Unit UnitOfName(std::string_view name) {
  for (const std::string_view ending : {"_total", "_sum"}) {
    if (name.ends_with(ending)) {
      name.remove_suffix(ending.size());
      break;
    }
  }
  if (name.ends_with("_timestamp_seconds") || name.ends_with("_time_seconds")) return Unit::kCount;
  if (name.ends_with("_seconds")) return Unit::kSeconds;
  if (name.ends_with("_bytes")) return Unit::kBytes;
  if (name.ends_with("_ratio")) return Unit::kRatio;
  return Unit::kCount;
}

// What the buckets that a quantile is taken of measure.
Unit UnitOfBuckets(const Expr& expr) {
  const auto* const range = std::get_if<MatrixSelector>(&expr.node);
  const auto* const selector =
      range != nullptr ? &range->vector : std::get_if<VectorSelector>(&expr.node);
  if (selector != nullptr) {
    std::string_view name = selector->name;
    if (name.ends_with("_bucket")) name.remove_suffix(7);
    return UnitOfName(name);
  }
  for (const ExprPtr& child : Children(expr)) {
    if (const Unit unit = UnitOfBuckets(*child); unit != Unit::kCount) return unit;
  }
  return Unit::kCount;
}

bool IsMoment(const Expr& expr) {
  const Expr& inner = Unwrap(expr);
  if (const auto* call = std::get_if<Call>(&inner.node))
    return call->function->name == "time" || call->function->name == "timestamp";
  const auto* selector = std::get_if<VectorSelector>(&inner.node);
  return selector != nullptr && (selector->name.ends_with("_timestamp_seconds") ||
                                 selector->name.ends_with("_time_seconds"));
}

bool IsNumber(const Expr& expr) { return TypeOf(expr) == ValueType::kScalar; }

Unit OfBinary(const Binary& binary) {
  const Unit left = UnitOf(*binary.lhs);
  const Unit right = UnitOf(*binary.rhs);
  switch (binary.op) {
    case BinaryOp::kSub:
      if (IsMoment(*binary.lhs) && IsMoment(*binary.rhs)) return Unit::kSeconds;
      [[fallthrough]];
    case BinaryOp::kAdd:
    case BinaryOp::kMod:
    case BinaryOp::kOr:
      return left == Unit::kCount ? right : left;
    case BinaryOp::kDiv:
      if (IsNumber(*binary.rhs)) return left;
      if (IsNumber(*binary.lhs)) return Unit::kCount;
      if (left == right) return Unit::kRatio;
      if (right != Unit::kCount) return Unit::kCount;
      return left == Unit::kRatio ? Unit::kSeconds : left;  // seconds by second, of each event
    case BinaryOp::kMul:
      return left == Unit::kCount || left == Unit::kRatio ? right : left;
    case BinaryOp::kPow:
    case BinaryOp::kAtan2:
      return Unit::kCount;
    default:
      return binary.return_bool ? Unit::kCount : left;  // comparisons, and, unless
  }
}

Unit OfCall(const Call& call) {
  const std::string_view name = call.function->name;
  const auto last_is = [&] { return call.args.empty() ? Unit::kCount : UnitOf(*call.args.back()); };
  // Those whose values are no longer of the argument's kind.
  for (const std::string_view counting :
       {"absent", "absent_over_time", "changes", "count_over_time", "histogram_count", "resets",
        "present_over_time", "sgn", "timestamp", "histogram_fraction"}) {
    if (name == counting) return Unit::kCount;
  }
  if (name == "rate" || name == "irate" || name == "deriv")
    return last_is() == Unit::kSeconds ? Unit::kRatio : last_is();
  if (name == "quantile_over_time") return last_is();
  if (name.starts_with("histogram_") && !call.args.empty()) return UnitOfBuckets(*call.args.back());
  return call.args.empty() ? Unit::kCount : UnitOf(*call.args.front());
}

struct UnitReader {
  Unit operator()(const VectorSelector& selector) const { return UnitOfName(selector.name); }
  Unit operator()(const MatrixSelector& selector) const { return UnitOfName(selector.vector.name); }
  Unit operator()(const Subquery& subquery) const { return UnitOf(*subquery.expr); }
  Unit operator()(const Paren& paren) const { return UnitOf(*paren.expr); }
  Unit operator()(const Unary& unary) const { return UnitOf(*unary.expr); }
  Unit operator()(const Binary& binary) const { return OfBinary(binary); }
  Unit operator()(const Aggregate& aggregate) const {
    const bool counts = aggregate.op == AggregateOp::kCount ||
                        aggregate.op == AggregateOp::kCountValues ||
                        aggregate.op == AggregateOp::kGroup;
    return counts ? Unit::kCount : UnitOf(*aggregate.expr);
  }
  Unit operator()(const Call& call) const { return OfCall(call); }
  Unit operator()(const StepInvariant& invariant) const { return UnitOf(*invariant.expr); }
  Unit operator()(const NumberLiteral&) const { return Unit::kCount; }
  Unit operator()(const StringLiteral&) const { return Unit::kCount; }
};

// What one mark of the axis is counted in: 1 KiB, 1 min, 1 %.
double Scale(double high, Unit unit) {
  if (unit == Unit::kRatio) return 0.01;
  if (unit == Unit::kBytes) {
    double scale = 1;
    while (high / scale >= 1024 && scale < 1e15) scale *= 1024;
    return scale;
  }
  if (unit == Unit::kSeconds) {
    for (const double scale : {86'400.0, 3'600.0, 60.0})
      if (high >= 2 * scale) return scale;
  }
  return 1;
}

}  // namespace

Unit UnitOf(const Expr& expr) { return std::visit(UnitReader{}, expr.node); }

std::string FormatValue(double value, Unit unit) {
  switch (unit) {
    case Unit::kSeconds:
      return FormatSeconds(value);
    case Unit::kBytes:
      return FormatBytes(value);
    case Unit::kRatio:
      return FormatRatio(value);
    case Unit::kCount:
    case Unit::kBoolean:
      break;
  }
  return FormatCount(value);
}

std::vector<double> AxisMarks(double low, double high, Unit unit) {
  constexpr double kMarks = 5;
  const double scale = Scale(std::max(std::fabs(low), std::fabs(high)), unit);
  const double rough = (high - low) / scale / kMarks;
  const double power = std::pow(10, std::floor(std::log10(rough)));
  double step = 10 * power;
  for (const double nice : {1.0, 2.0, 5.0}) {
    if (nice * power >= rough) {
      step = nice * power;
      break;
    }
  }
  const double first = std::floor(low / scale / step);
  const double last = std::ceil(high / scale / step);
  std::vector<double> marks;
  for (double at = first; at <= last && marks.size() < 16; ++at) marks.push_back(at * step * scale);
  return marks;
}

}  // namespace tierwatch
