// Standing questions: expressions that are asked of one storage again and again, as rules are.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "alerts/promql/promql.h"
#include "alerts/series/frame.h"
#include "alerts/series/queryable.h"

namespace tierwatch::promql {

/// An instant vector: label sets and numbers apart. As long as no series comes or goes that the
/// question is about, its answers have the same frame.
struct Elements {
  series::FramePtr frame;
  std::vector<double> values;                    // by series of the frame
  std::vector<series::HistogramPtr> histograms;  // empty, or by series; set where that is the value

  /// False where the series has no value: most questions filter, and frames hold all.
  bool Has(std::size_t i) const { return !series::IsStale(values[i]); }
};

/// The questions of one rule group: prepared once. Which series an expression selects, how they are
/// grouped and joined and what the result's labels are is worked out at the first answer and again
/// only when the storage says that these series changed; what is left is arithmetic over arrays.
/// Parts that expressions have in common are evaluated once a round. Not thread-safe.
class Standing {
 public:
  /// `written` names the metrics that the group's own rules write. The storage outlives it.
  Standing(const EngineOptions& options, const series::Queryable& storage,
           std::set<std::string> written);
  ~Standing();
  Standing(const Standing&) = delete;
  Standing& operator=(const Standing&) = delete;

  /// The number of a new question.
  std::size_t Add(ExprPtr expr);
  /// A round begins: all that follows is asked of samples as they are from now on, but for what the
  /// group writes, which is seen at once.
  void NewRound();
  /// A scalar is one element without labels. Errors: those of the evaluation; a string or a range
  /// vector.
  Result<Elements> Ask(std::size_t question, TimestampMs time, const Interrupt& interrupt = {});

 private:
  struct Question;
  struct Kept;

  Result<Elements> Evaluate(const Expr& expr, Kept& kept, bool standing, TimestampMs time,
                            const Interrupt& interrupt);
  bool ReadsWritten(const Expr& expr);
  void Prepare(Question& question);

  const EngineOptions options_;
  const series::Queryable& storage_;
  const std::set<std::string> written_;
  std::vector<Question> questions_;
  std::unique_ptr<Kept> kept_;
};

}  // namespace tierwatch::promql
