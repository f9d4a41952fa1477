// topk, bottomk, limitk and limit_ratio: aggregations that choose elements instead of combining
// them.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "alerts/promql/aggregate.h"
#include "alerts/promql/label_hash.h"
#include "base/float_text.h"

namespace tierwatch::promql {
namespace {

using enum AggregateOp;

constexpr double kInt64Limit = 9223372036854775807.0;

bool AnyNan(const StepScalar& values) {
  return std::any_of(values.begin(), values.end(), [](double v) { return std::isnan(v); });
}

std::optional<Error> CheckCount(const StepScalar& counts) {
  const auto [least, greatest] = std::minmax_element(counts.begin(), counts.end());
  if (AnyNan(counts)) return Error{"Parameter value is NaN"};
  if (*least <= -kInt64Limit)
    return Error{"Scalar value " + FloatTextG(*least, true) + " underflows int64"};
  if (*greatest >= kInt64Limit)
    return Error{"Scalar value " + FloatTextG(*greatest, true) + " overflows int64"};
  return std::nullopt;
}

std::optional<Error> CheckRatio(Evaluator& evaluator, const StepScalar& ratios,
                                const Place& where) {
  if (AnyNan(ratios)) return Error{"Ratio value is NaN"};
  const auto [least, greatest] = std::minmax_element(ratios.begin(), ratios.end());
  const auto warn = [&](double value, int limit) {
    evaluator.notes().Warn(
        fmt::format("PromQL warning: ratio value should be between -1 and 1, got {}, capping to {}",
                    FloatTextG(value, true), limit),
        where);
  };
  if (*greatest > 1) warn(*greatest, 1);
  if (*least < -1) warn(*least, -1);
  return std::nullopt;
}

// Every label set has its place in [0, 1); a positive ratio takes from below, a negative one the
// complement from above.
bool InRatio(double ratio, const Labels& labels) {
  const double place = static_cast<double>(HashLabels(labels)) / 18446744073709551615.0;
  return ratio >= 0 ? place < ratio : place >= 1 + ratio;
}

// The better of two values of topk or bottomk; NaN is worse than anything.
bool Better(bool top, double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return !std::isnan(a);
  return top ? a > b : a < b;
}

class Chooser {
 public:
  Chooser(Evaluator& evaluator, const Expr& expr, const Aggregate& node, const StepVector& vector)
      : evaluator_(evaluator), expr_(expr), node_(node), vector_(vector) {}

  // Members of the group at a step, the best first.
  std::vector<std::uint32_t> Choose(std::span<const std::uint32_t> members, std::size_t step,
                                    double parameter) {
    std::vector<std::uint32_t> present;
    const bool ranked = node_.op == kTopk || node_.op == kBottomk;
    for (const std::uint32_t member : members) {
      if (!vector_.Has(member, step)) continue;
      if (ranked && vector_.Histogram(member, step)) {
        evaluator_.notes().InfoHistogramIgnored(OpText(node_.op), expr_.where);
        continue;
      }
      if (node_.op == kLimitRatio &&
          !InRatio(std::clamp(parameter, -1.0, 1.0), vector_.frame->LabelsOf(member)))
        continue;
      present.push_back(member);
    }
    if (node_.op == kLimitRatio) return parameter == 0 ? std::vector<std::uint32_t>() : present;
    const std::size_t limit =
        parameter < 1 ? 0 : static_cast<std::size_t>(std::min(parameter, 1e18));
    if (ranked) Rank(present, step);
    present.resize(std::min(present.size(), limit));
    return present;
  }

 private:
  void Rank(std::vector<std::uint32_t>& members, std::size_t step) const {
    std::stable_sort(members.begin(), members.end(), [&](std::uint32_t a, std::uint32_t b) {
      const double x = vector_.Row(a)[step], y = vector_.Row(b)[step];
      if (std::isnan(x) && std::isnan(y)) return false;
      return Better(node_.op == kTopk, x, y);
    });
  }

  Evaluator& evaluator_;
  const Expr& expr_;
  const Aggregate& node_;
  const StepVector& vector_;
};

}  // namespace

Result<StepVector> ChooseFromGroups(Evaluator& evaluator, const Expr& expr, const Aggregate& node,
                                    const StepVector& vector, const Grouping& groups,
                                    const StepScalar& parameter) {
  const bool ratio = node.op == kLimitRatio;
  StepVector chosen = evaluator.NewVector(vector.frame);
  // Without anything to choose, a parameter is not looked at any closer.
  const double greatest = *std::max_element(parameter.begin(), parameter.end());
  const bool nothing =
      ratio ? std::all_of(parameter.begin(), parameter.end(), [](double p) { return p == 0; })
            : greatest < 1 && !AnyNan(parameter);
  if (nothing) return chosen;
  const auto error =
      ratio ? CheckRatio(evaluator, parameter, node.parameter->where) : CheckCount(parameter);
  if (error) return *error;
  Chooser chooser(evaluator, expr, node, vector);
  std::vector<std::uint32_t> order;
  for (std::size_t group = 0; group < groups.groups->size(); ++group) {
    for (std::size_t step = 0; step < parameter.size(); ++step) {
      for (const std::uint32_t member :
           chooser.Choose(groups.MembersOf(group), step, parameter[step])) {
        chosen.Set(member, step, vector.At(member, step));
        if (evaluator.ordered()) order.push_back(member);
      }
    }
  }
  if (!evaluator.ordered()) return chosen;
  return InOrder(chosen, order);
}

}  // namespace tierwatch::promql
