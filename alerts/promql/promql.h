// PromQL as the rest of the program sees it: parse once, evaluate often.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "alerts/series/sample.h"
#include "base/clock.h"
#include "base/interrupt.h"
#include "base/labels.h"
#include "base/result.h"

namespace tierwatch::series {
class Queryable;  // alerts/series/queryable.h
class Matcher;    // alerts/series/matcher.h
}  // namespace tierwatch::series

namespace tierwatch::promql {

struct Expr;  // alerts/promql/ast.h
using ExprPtr = std::shared_ptr<const Expr>;

enum class ValueType { kNone, kScalar, kVector, kMatrix, kString };

/// Parses an expression. Errors are Prometheus's: "1:5: parse error: unexpected …" (line:column of
/// the expression).
Result<ExprPtr> Parse(std::string_view text);
/// The matchers of a selector: `name{label="value"}`, as `match[]` of the HTTP API has them.
Result<std::vector<series::Matcher>> ParseSelector(std::string_view text);
/// The canonical text; Parse(Print(e)) is e.
std::string Print(const Expr& expr);
/// The canonical text for people: parts of more than 100 bytes are broken into indented lines.
/// Source: Prometheus 3.14, promql/parser/prettier.go.
std::string Pretty(const Expr& expr);
ValueType TypeOf(const Expr& expr);

struct Scalar {
  TimestampMs time = 0;
  double value = 0;
};

/// One element of an instant vector.
struct VectorSample {
  Labels labels;
  TimestampMs time = 0;
  double value = 0;
  series::HistogramPtr histogram{};  // set: the element is a histogram and `value` means nothing
};
using Vector = std::vector<VectorSample>;

/// One series of a range vector.
struct SeriesPoints {
  Labels labels;
  std::vector<std::pair<TimestampMs, double>> points;
  std::vector<std::pair<TimestampMs, series::HistogramPtr>> histograms{};
};
using Matrix = std::vector<SeriesPoints>;

struct QueryResult {
  std::variant<Scalar, std::string, Vector, Matrix> value;
  std::vector<std::string> warnings;
  std::vector<std::string> infos;
};

struct EngineOptions {
  Millis lookback{300'000};
  std::size_t max_samples = 50'000'000;   // held at one moment
  std::size_t max_bytes = 1'073'741'824;  // likewise, about
  Millis no_step_subquery_interval{60'000};
  bool delayed_name_removal =
      false;  // a result's metric name goes when the evaluation ends, not at each function
  bool type_and_unit_labels =
      false;  // counters are told by their label __type__ instead of their name
  bool use_start_timestamps = false;  // rate and its like see resets by the start times of samples
};

/// Stateless but for its options; thread-safe.
class Engine {
 public:
  explicit Engine(EngineOptions options = {}) : options_(options) {}

  Result<QueryResult> Instant(const ExprPtr& expr, const series::Queryable& storage,
                              TimestampMs time, const Interrupt& interrupt = {}) const;
  /// Evaluates at start, start + step, … up to end. `step` must be positive.
  Result<QueryResult> Range(const ExprPtr& expr, const series::Queryable& storage,
                            TimestampMs start, TimestampMs end, Millis step,
                            const Interrupt& interrupt = {}) const;
  const EngineOptions& options() const { return options_; }

 private:
  EngineOptions options_;
};

}  // namespace tierwatch::promql
