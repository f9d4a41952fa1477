#include "alerts/promql/resolve.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "alerts/promql/common.h"
#include "alerts/promql/functions.h"

namespace tierwatch::promql {
namespace {

double Seconds(std::int64_t millis) { return static_cast<double>(millis) / 1000; }

class Resolver {
 public:
  Resolver(const QueryTimes& times, CommonParts* common) : times_(times), common_(common) {}

  // What a subtree became, and what its parent may do with it.
  struct Outcome {
    ExprPtr expr;
    bool invariant = false;  // the same at every step
    bool wrap = false;       // worth a StepInvariant
  };

  Outcome Resolve(const ExprPtr& expr) {
    auto copy = std::make_shared<Expr>(*expr);
    const auto [invariant, wrap] =
        std::visit([&](auto& node) { return Visit(*copy, node); }, copy->node);
    return {Numbered(std::move(copy)), invariant, wrap};
  }
  ExprPtr Wrap(Outcome outcome) {
    if (!outcome.wrap) return outcome.expr;
    auto expr = std::make_shared<Expr>();
    expr->where = outcome.expr->where;
    expr->depth = outcome.expr->depth + 1;
    expr->node = StepInvariant{std::move(outcome.expr)};
    return Numbered(std::move(expr));
  }
  int nodes = 0;
  std::optional<Error> error;

 private:
  ExprPtr Numbered(std::shared_ptr<Expr> expr) {
    expr->type = TypeOf(*expr);
    if (common_ == nullptr) {
      expr->id = nodes++;
      return expr;
    }
    expr->id = common_->NewId();
    // What a selector becomes depends on what is around it too, so that one text is not always one
    // node; a node is told by its text and its children.
    const auto* selector = std::get_if<VectorSelector>(&expr->node);
    if (const auto* matrix = std::get_if<MatrixSelector>(&expr->node)) selector = &matrix->vector;
    std::string text = Print(*expr);
    if (selector != nullptr && selector->only_counts) text += " counts";
    if (std::holds_alternative<StepInvariant>(expr->node)) text += " once";
    for (const ExprPtr& child : Children(*expr)) text += fmt::format(" {}", child->id);
    return common_->Same(std::move(expr), text);
  }

  using Flags = std::pair<bool, bool>;  // invariant, wrap

  static ExprPtr WithoutParens(ExprPtr expr) {
    while (const auto* paren = std::get_if<Paren>(&expr->node)) expr = paren->expr;
    return expr;
  }

  Flags Visit(Expr&, NumberLiteral&) { return {true, false}; }
  Flags Visit(Expr&, StringLiteral&) { return {true, false}; }
  Flags Visit(Expr&, VectorSelector& node) {
    Settle(node.shift);
    node.only_counts = counts_above_ > 0 && buckets_above_ == 0;
    const bool fixed = node.shift.at != TimeShift::At::kNone;
    return {fixed, fixed};
  }
  Flags Visit(Expr& expr, MatrixSelector& node) {
    Settle(node.range, false);
    return {Visit(expr, node.vector).first, false};
  }
  Flags Visit(Expr&, Subquery& node) {
    Settle(node.range, false);
    Settle(node.step, false);
    Settle(node.shift);
    ++buckets_above_;  // resets between its steps show in buckets alone
    Outcome inner = Resolve(node.expr);
    --buckets_above_;
    inner.wrap = inner.invariant;
    node.expr = Wrap(std::move(inner));
    const bool fixed = node.shift.at != TimeShift::At::kNone;
    return {fixed, fixed};
  }
  Flags Visit(Expr&, Paren& node) { return Through(node.expr); }
  Flags Visit(Expr&, Unary& node) { return Through(node.expr); }
  Flags Visit(Expr&, StepInvariant& node) { return Through(node.expr); }
  Flags Through(ExprPtr& child) {
    const Outcome outcome = Resolve(child);
    child = outcome.expr;
    return {outcome.invariant, outcome.wrap};
  }
  Flags Visit(Expr&, Aggregate& node) {
    Flags parameter = {true, false};
    if (node.parameter) {
      Outcome outcome = Resolve(WithoutParens(node.parameter));
      parameter = {outcome.invariant, outcome.wrap};
      node.parameter = outcome.expr;
    }
    Outcome inner = Resolve(WithoutParens(node.expr));
    if (inner.invariant && parameter.first) {
      node.expr = inner.expr;
      return {true, true};
    }
    node.expr = Wrap(std::move(inner));
    return {false, false};
  }
  Flags Visit(Expr&, Binary& node) {
    const int trims = node.op == BinaryOp::kTrimLower || node.op == BinaryOp::kTrimUpper ? 1 : 0;
    buckets_above_ += trims;
    Outcome lhs = Resolve(node.lhs);
    Outcome rhs = Resolve(node.rhs);
    buckets_above_ -= trims;
    if (lhs.invariant && rhs.invariant) {
      node.lhs = lhs.expr;
      node.rhs = rhs.expr;
      return {true, true};
    }
    node.lhs = Wrap(std::move(lhs));
    node.rhs = Wrap(std::move(rhs));
    return {false, false};
  }
  Flags Visit(Expr& expr, Call& node) {
    if ((node.function->flags & kOfQuery) != 0) {
      expr.node = NumberLiteral{QueryValue(node.function->name), false};
      return {true, false};
    }
    bool all = true;
    bool selectors = true;
    std::vector<Outcome> outcomes;
    const int counts = (node.function->flags & kOnlyCounts) != 0 ? 1 : 0;
    const int buckets = (node.function->flags & kNeedsBuckets) != 0 ? 1 : 0;
    counts_above_ += counts;
    buckets_above_ += buckets;
    for (const ExprPtr& arg : node.args) {
      outcomes.push_back(Resolve(WithoutParens(arg)));
      all = all && outcomes.back().invariant;
      selectors = selectors && std::holds_alternative<VectorSelector>(outcomes.back().expr->node);
    }
    counts_above_ -= counts;
    buckets_above_ -= buckets;
    // timestamp() of a fixed selector is fixed; of anything else it is the time of the step.
    const bool fixed_times = node.function->name == "timestamp" && selectors;
    const bool invariant = all && ((node.function->flags & kStepDependent) == 0 || fixed_times);
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
      node.args[i] = invariant ? outcomes[i].expr : Wrap(std::move(outcomes[i]));
    }
    return {invariant, invariant};
  }

  double QueryValue(std::string_view name) const {
    if (name == "start") return Seconds(times_.start);
    if (name == "end") return Seconds(times_.end);
    if (name == "range") return Seconds(times_.end - times_.start);
    return times_.start == times_.end ? 0 : Seconds(times_.step.count());
  }

  void Settle(TimeShift& shift) {
    if (shift.at == TimeShift::At::kStart) shift.time = times_.start;
    if (shift.at == TimeShift::At::kEnd) shift.time = times_.end;
    if (shift.at != TimeShift::At::kNone) shift.at = TimeShift::At::kTime;
    Settle(shift.offset, true);
  }

  void Settle(Duration& duration, bool negative_allowed) {
    if (!duration.expr) return;
    const DurationNode& node = *duration.expr;
    const double seconds = Compute(node);
    if (error) return;
    if (!std::isfinite(seconds)) return Fail(node, "duration is NaN or infinite");
    if (seconds <= 0 && !negative_allowed) return Fail(node, "duration must be greater than 0");
    if (std::abs(seconds) > 9223372036.0) return Fail(node, "duration is out of range");
    duration.value = Millis(static_cast<std::int64_t>(seconds * 1000));
    duration.expr = nullptr;
  }

  void Fail(const DurationNode& node, std::string_view message) {
    if (!error) error = Error{fmt::format("{}:{}: {}", node.where.begin, node.where.end, message)};
  }

  double Compute(const DurationNode& node) {
    using Kind = DurationNode::Kind;
    const double lhs = node.lhs ? Compute(*node.lhs) : 0;
    const double rhs = node.rhs ? Compute(*node.rhs) : 0;
    switch (node.kind) {
      case Kind::kNumber:
        return node.seconds;
      case Kind::kStep:
        return Seconds(times_.step.count());
      case Kind::kRange:
        return Seconds(times_.end - times_.start);
      case Kind::kNegate:
        return -rhs;
      case Kind::kAdd:
        return lhs + rhs;
      case Kind::kSub:
        return lhs - rhs;
      case Kind::kMul:
        return lhs * rhs;
      case Kind::kDiv:
        if (rhs == 0) Fail(node, "division by zero");
        return lhs / rhs;
      case Kind::kMod:
        if (rhs == 0) Fail(node, "modulo by zero");
        return std::fmod(lhs, rhs);
      case Kind::kPow:
        return std::pow(lhs, rhs);
      case Kind::kMinOf:
        return std::min(lhs, rhs);
      case Kind::kMaxOf:
        return std::max(lhs, rhs);
    }
    return 0;
  }

  const QueryTimes& times_;
  CommonParts* const common_;
  int counts_above_ = 0;   // functions around that look at counts and sums of histograms only
  int buckets_above_ = 0;  // what is around and looks at buckets
};

}  // namespace

Result<Resolved> Resolve(const ExprPtr& expr, const QueryTimes& times, CommonParts* common) {
  Resolver resolver(times, common);
  Resolver::Outcome outcome = resolver.Resolve(expr);
  if (resolver.error) return *resolver.error;
  ExprPtr wrapped = resolver.Wrap(std::move(outcome));
  return Resolved{std::move(wrapped), resolver.nodes};
}

}  // namespace tierwatch::promql
