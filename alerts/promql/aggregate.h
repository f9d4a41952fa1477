// How series are grouped for an aggregation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "alerts/promql/ast.h"
#include "alerts/promql/evaluator.h"
#include "alerts/promql/value.h"

namespace tierwatch::promql {

/// The groups of a frame, in the order in which they first occur. Kept by the aggregation's node.
struct Grouping : Memo {
  FramePtr input;
  FramePtr groups;                     // their labels
  std::vector<std::uint32_t> of;       // by series, its group
  std::vector<std::uint32_t> ends;     // by group, in `members`
  std::vector<std::uint32_t> members;  // series, group by group

  std::span<const std::uint32_t> MembersOf(std::size_t group) const {
    const std::size_t begin = group == 0 ? 0 : ends[group - 1];
    return {members.data() + begin, ends[group] - begin};
  }
};

/// What `by` keeps or `without` leaves.
class GroupKey {
 public:
  GroupKey(const Aggregate& node, series::Symbols& symbols);
  /// Valid until the next call.
  LabelPairs operator()(LabelPairs labels);

 private:
  const bool without_;
  std::vector<Symbol> names_;
  std::vector<LabelPair> kept_;
};

/// topk, bottomk, limitk, limit_ratio: elements of every group, as they are.
Result<StepVector> ChooseFromGroups(Evaluator& evaluator, const Expr& expr, const Aggregate& node,
                                    const StepVector& vector, const Grouping& groups,
                                    const StepScalar& parameter);

}  // namespace tierwatch::promql
