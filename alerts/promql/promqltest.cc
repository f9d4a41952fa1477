#include "alerts/promql/promqltest.h"

#include <re2/re2.h>

#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "alerts/promql/ast.h"
#include "alerts/promql/functions.h"
#include "alerts/promql/promql.h"
#include "alerts/promql/script.h"
#include "alerts/promql/script_compare.h"
#include "alerts/promql/script_load.h"
#include "alerts/promql/standing.h"
#include "alerts/series/store.h"

namespace tierwatch::promql {
namespace {

constexpr Millis kMinute{60'000};

// Gives every selector that has no time of its own `@ time`; those inside of a subquery with a time
// follow that.
class AtRewriter {
 public:
  explicit AtRewriter(TimestampMs time) : time_(time) {}

  ExprPtr Rewrite(const ExprPtr& expr) {
    auto copy = std::make_shared<Expr>(*expr);
    std::visit([this](auto& node) { Visit(node); }, copy->node);
    return copy;
  }
  // Whether a function was met that gives another result at another time, whatever its arguments.
  bool step_dependent() const { return step_dependent_; }

 private:
  void Set(TimeShift& shift) {
    if (shift.at == TimeShift::At::kTime) return;
    shift.at = TimeShift::At::kTime;
    shift.time = time_;
  }
  void Visit(NumberLiteral&) {}
  void Visit(StringLiteral&) {}
  void Visit(StepInvariant&) {}
  void Visit(VectorSelector& node) { Set(node.shift); }
  void Visit(MatrixSelector& node) { Set(node.vector.shift); }
  void Visit(Subquery& node) { Set(node.shift); }
  void Visit(Paren& node) { node.expr = Rewrite(node.expr); }
  void Visit(Unary& node) { node.expr = Rewrite(node.expr); }
  void Visit(Binary& node) {
    node.lhs = Rewrite(node.lhs);
    node.rhs = Rewrite(node.rhs);
  }
  void Visit(Aggregate& node) {
    if (node.parameter) node.parameter = Rewrite(node.parameter);
    node.expr = Rewrite(node.expr);
  }
  void Visit(Call& node) {
    step_dependent_ = step_dependent_ || (node.function->flags & kStepDependent) != 0;
    for (ExprPtr& arg : node.args) arg = Rewrite(arg);
  }

  const TimestampMs time_;
  bool step_dependent_ = false;
};

struct InstantCase {
  std::string expr;
  TimestampMs time = 0;
};

// The query itself, and the same with all times fixed by @, asked at other times. Printing it
// proves the printer.
std::vector<InstantCase> Cases(const ScriptEval& eval, const ExprPtr& expr) {
  std::vector<InstantCase> cases = {{eval.expr, eval.at}};
  AtRewriter rewriter(eval.at);
  const ExprPtr rewritten = rewriter.Rewrite(expr);
  if (rewriter.step_dependent()) return cases;
  const std::string text = Print(*rewritten);
  const TimestampMs at = eval.at;
  const std::vector<TimestampMs> times =
      at == 0 ? std::vector<TimestampMs>{-1000, 0, 1000}
              : std::vector<TimestampMs>{-10 * at, 0, at / 5, at, 10 * at};
  for (const TimestampMs time : times) cases.push_back({text, time});
  return cases;
}

class ScriptRunner {
 public:
  ScriptRunner() : engine_(Options()) { Clear(); }

  ScriptResult Run(std::string_view text, std::string_view name) {
    ScriptResult result;
    result.name = name;
    const Script script = ParseScript(text);
    for (const ScriptCommand& command : script.commands) {
      if (std::holds_alternative<ScriptClear>(command.what)) Clear();
      if (const auto* load = std::get_if<ScriptLoad>(&command.what)) {
        const Result<void> loaded = loader_->Load(*load);
        if (!loaded.ok())
          result.failures.push_back({command.line, "load: " + loaded.error().message});
      }
      const auto* eval = std::get_if<ScriptEval>(&command.what);
      if (eval == nullptr) continue;
      ++result.total;
      const std::string difference = Check(*eval);
      if (difference.empty()) {
        ++result.passed;
      } else {
        result.failures.push_back({eval->line, difference});
      }
    }
    if (script.error) {
      ++result.total;
      result.failures.push_back({script.error_line, script.error->message});
    }
    return result;
  }

 private:
  // Those of Prometheus's own test engine.
  static EngineOptions Options() {
    EngineOptions options;
    options.max_samples = 10'000;
    options.delayed_name_removal = true;
    options.use_start_timestamps = true;
    return options;
  }

  void Clear() {
    standing_.reset();
    series::StoreOptions options;
    options.retention = Millis(0);
    store_ = std::make_unique<series::Store>(options);
    loader_ = std::make_unique<ScriptLoader>(*store_);
    standing_ = std::make_unique<Standing>(engine_.options(), *store_, std::set<std::string>());
  }

  std::string Check(const ScriptEval& eval) {
    const Result<ExprPtr> expr = Parse(eval.expr);
    if (!expr.ok()) return expr.error().message;
    if (eval.range) return CheckRange(eval, *expr);
    for (const InstantCase& instant : Cases(eval, *expr)) {
      const std::string difference = CheckInstant(eval, instant);
      if (!difference.empty())
        return instant.expr + " at " + std::to_string(instant.time) + " ms: " + difference;
    }
    return "";
  }

  std::string CheckRange(const ScriptEval& eval, const ExprPtr& expr) {
    const Result<QueryResult> result =
        engine_.Range(expr, *store_, eval.start, eval.end, eval.step);
    return CheckOutcome(eval, result);
  }

  static std::string CheckOutcome(const ScriptEval& eval, const Result<QueryResult>& result) {
    if (!result.ok())
      return eval.fail ? CompareFailure(eval, result.error().message) : result.error().message;
    if (eval.fail) return "expected an error but got none";
    const std::string notes = CompareAnnotations(eval, *result);
    return notes.empty() ? CompareResult(eval, *result) : notes;
  }

  std::string CheckInstant(const ScriptEval& eval, const InstantCase& instant) {
    const Result<ExprPtr> expr = Parse(instant.expr);
    if (!expr.ok()) return expr.error().message;
    const Result<QueryResult> result = engine_.Instant(*expr, *store_, instant.time);
    const std::string difference = CheckOutcome(eval, result);
    if (!difference.empty()) return difference;
    const std::string standing = CheckStanding(eval, *expr, result.ok(), instant.time);
    if (!standing.empty()) return "as a standing question: " + standing;
    if (!result.ok()) return "";
    static const RE2 kOfQuery(R"((start|end|range|step)\(\))");
    if (eval.only_instant || RE2::PartialMatch(instant.expr, kOfQuery)) return "";
    const std::string in_range = CheckMiddleStep(eval, *expr, instant.time);
    return in_range.empty() ? "" : "in range mode: " + in_range;
  }

  // A standing question must give the same, at once and from what it kept.
  std::string CheckStanding(const ScriptEval& eval, const ExprPtr& expr, bool ok,
                            TimestampMs time) {
    const ValueType type = TypeOf(*expr);
    if (type != ValueType::kVector && type != ValueType::kScalar) return "";
    const std::size_t question = standing_->Add(expr);
    for (int round = 0; round < 2; ++round) {
      standing_->NewRound();
      const Result<Elements> elements = standing_->Ask(question, time);
      if (elements.ok() != ok) return elements.ok() ? "gives no error" : elements.error().message;
      if (!ok || eval.ordered) continue;
      QueryResult result;
      if (type == ValueType::kScalar) {
        result.value = Scalar{time, elements->values.front()};
      } else {
        result.value = Spelled(*elements, time);
      }
      const std::string difference = CompareResult(eval, result);
      if (!difference.empty()) return difference;
    }
    return "";
  }

  static Vector Spelled(const Elements& elements, TimestampMs time) {
    Vector vector;
    for (std::size_t i = 0; i < elements.values.size(); ++i) {
      if (!elements.Has(i)) continue;
      vector.push_back({elements.frame->LabelsOf(i), time, elements.values[i],
                        elements.histograms.empty() ? nullptr : elements.histograms[i]});
    }
    return vector;
  }

  // A range query over three steps must give the same at the one in the middle.
  std::string CheckMiddleStep(const ScriptEval& eval, const ExprPtr& expr, TimestampMs time) {
    const Result<QueryResult> result =
        engine_.Range(expr, *store_, time - kMinute.count(), time + kMinute.count(), kMinute);
    if (!result.ok()) return result.error().message;
    if (eval.ordered) return "";
    Vector middle;
    for (const SeriesPoints& series : std::get<Matrix>(result->value)) {
      for (const auto& [t, value] : series.points) {
        if (t == time) middle.push_back({series.labels, t, value, nullptr});
      }
      for (const auto& [t, histogram] : series.histograms) {
        if (t == time) middle.push_back({series.labels, t, 0, histogram});
      }
    }
    if (TypeOf(*expr) != ValueType::kScalar) return CompareVector(eval, middle, false);
    QueryResult scalar;
    scalar.value = Scalar{time, middle.empty() ? series::OrdinaryNan() : middle.front().value};
    return CompareResult(eval, scalar);
  }

  Engine engine_;
  std::unique_ptr<series::Store> store_;
  std::unique_ptr<ScriptLoader> loader_;
  std::unique_ptr<Standing> standing_;  // one for all: they have parts in common
};

}  // namespace

std::string ScriptResult::Summary() const {
  return name + ": passed " + std::to_string(passed) + " of " + std::to_string(total);
}

ScriptResult RunScript(std::string_view text, std::string_view name) {
  return ScriptRunner().Run(text, name);
}

}  // namespace tierwatch::promql
