#include "alerts/promql/standing.h"

#include <utility>

#include "alerts/promql/common.h"
#include "alerts/promql/evaluator.h"
#include "alerts/promql/functions.h"
#include "alerts/promql/resolve.h"

namespace tierwatch::promql {
namespace {

// True where the text asks for the time of the query itself, so that it is another expression each
// time.
bool AsksForTime(const Expr& expr) {
  const auto shifted = [](const TimeShift& shift) {
    return shift.at == TimeShift::At::kStart || shift.at == TimeShift::At::kEnd;
  };
  if (const auto* call = std::get_if<Call>(&expr.node)) {
    if ((call->function->flags & kOfQuery) != 0) return true;
  } else if (const auto* vector = std::get_if<VectorSelector>(&expr.node)) {
    if (shifted(vector->shift)) return true;
  } else if (const auto* matrix = std::get_if<MatrixSelector>(&expr.node)) {
    if (shifted(matrix->vector.shift)) return true;
  } else if (const auto* subquery = std::get_if<Subquery>(&expr.node)) {
    if (shifted(subquery->shift)) return true;
  }
  for (const ExprPtr& child : Children(expr)) {
    if (AsksForTime(*child)) return true;
  }
  return false;
}

}  // namespace

struct Standing::Question {
  ExprPtr expr;      // as it was asked
  ExprPtr resolved;  // null where it asks for the time
  Error error{};     // of preparing it
  bool prepared = false;
};

struct Standing::Kept {
  CommonParts common;
  Memos memos{0};
  std::shared_ptr<series::Symbols> symbols;  // of all that the memos hold
};

Standing::Standing(const EngineOptions& options, const series::Queryable& storage,
                   std::set<std::string> written)
    : options_(options),
      storage_(storage),
      written_(std::move(written)),
      kept_(std::make_unique<Kept>()) {}

Standing::~Standing() = default;

std::size_t Standing::Add(ExprPtr expr) {
  questions_.push_back({std::move(expr), nullptr});
  Prepare(questions_.back());
  return questions_.size() - 1;
}

void Standing::Prepare(Question& question) {
  if (AsksForTime(*question.expr)) return;
  Result<Resolved> resolved = Resolve(question.expr, {}, &kept_->common);
  question.prepared = true;
  if (!resolved.ok()) {
    question.error = resolved.error();
    return;
  }
  question.resolved = std::move(resolved->expr);
  ReadsWritten(*question.resolved);
}

// Also excludes from the common parts what does.
bool Standing::ReadsWritten(const Expr& expr) {
  const auto may_read = [&](const VectorSelector& selector) {
    for (const series::Matcher& matcher : selector.matchers) {
      if (matcher.name() == kMetricName && matcher.type() == series::MatchType::kEqual)
        return written_.contains(matcher.value());
    }
    return true;  // by a pattern, or any name
  };
  bool reads = false;
  if (const auto* vector = std::get_if<VectorSelector>(&expr.node)) reads = may_read(*vector);
  if (const auto* matrix = std::get_if<MatrixSelector>(&expr.node))
    reads = may_read(matrix->vector);
  if (const auto* call = std::get_if<Call>(&expr.node))
    reads = call->function->name == "info";  // it chooses what it reads by itself
  for (const ExprPtr& child : Children(expr)) reads = ReadsWritten(*child) || reads;
  if (reads) kept_->common.Exclude(expr);
  return reads;
}

void Standing::NewRound() { kept_->common.NewRound(); }

Result<Elements> Standing::Ask(std::size_t number, TimestampMs time, const Interrupt& interrupt) {
  const Question& question = questions_[number];
  if (question.resolved) return Evaluate(*question.resolved, *kept_, true, time, interrupt);
  if (question.prepared) return question.error;
  Kept once;
  const Result<Resolved> resolved = Resolve(question.expr, {time, time, Millis(0)}, &once.common);
  if (!resolved.ok()) return resolved.error();
  return Evaluate(*resolved->expr, once, false, time, interrupt);
}

Result<Elements> Standing::Evaluate(const Expr& expr, Kept& kept, bool standing, TimestampMs time,
                                    const Interrupt& interrupt) {
  const std::unique_ptr<series::View> view = storage_.Open(interrupt);
  if (kept.symbols != view->symbols()) {
    kept.memos = Memos(0);
    kept.common.NewRound();
    kept.symbols = view->symbols();
  }
  QueryState query{*view, options_, kept.memos, interrupt, &kept.common, standing};
  Evaluator evaluator(query, Steps{time, 1, 1});
  Result<Value> value = evaluator.Evaluate(expr);
  if (!value.ok()) return value.error();
  if (const auto* scalar = std::get_if<StepScalar>(&value->value))
    return Elements{evaluator.Unlabelled(), *scalar, {}};
  auto* vector = std::get_if<StepVector>(&value->value);
  if (vector == nullptr) return Error{"rule result is not a vector or scalar"};
  Result<StepVector> finished = evaluator.Finish(expr, std::move(*vector));
  if (!finished.ok()) return finished.error();
  return Elements{std::move(finished->frame), std::move(finished->values),
                  std::move(finished->histograms)};
}

}  // namespace tierwatch::promql
