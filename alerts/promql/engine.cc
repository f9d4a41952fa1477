#include <algorithm>
#include <cmath>
#include <utility>

#include "alerts/promql/evaluator.h"
#include "alerts/promql/extended.h"
#include "alerts/promql/memo.h"
#include "alerts/promql/promql.h"
#include "alerts/promql/resolve.h"
#include "alerts/series/queryable.h"

namespace tierwatch::promql {
namespace {

// Farther than any calendar, near enough for arithmetic on milliseconds not to overflow.
constexpr TimestampMs kFarthest = 1'000'000'000'000'000'000;

Vector ToVector(const StepVector& vector, TimestampMs time) {
  Vector result;
  for (std::size_t i = 0; i < vector.size(); ++i) {
    if (!vector.Has(i, 0)) continue;
    result.push_back({vector.frame->LabelsOf(i), time, vector.values[i], vector.Histogram(i, 0)});
  }
  return result;
}

Matrix ToMatrix(const StepVector& vector, const Steps& steps) {
  Matrix matrix;
  for (std::size_t i = 0; i < vector.size(); ++i) {
    if (vector.Empty(i)) continue;
    SeriesPoints& series = matrix.emplace_back();
    series.labels = vector.frame->LabelsOf(i);
    for (std::size_t step = 0; step < steps.count; ++step) {
      if (!vector.Has(i, step)) continue;
      if (const HistogramPtr& histogram = vector.Histogram(i, step)) {
        series.histograms.emplace_back(steps.At(step), histogram);
      } else {
        series.points.emplace_back(steps.At(step), vector.Row(i)[step]);
      }
    }
  }
  return matrix;
}

Result<Matrix> ToMatrix(const RangeVector& range, TimestampMs after, TimestampMs until) {
  const bool extended = range.anchored || range.smoothed;
  Matrix matrix;
  RangeScratch scratch;
  for (std::size_t i = 0; i < range.frame->size(); ++i) {
    const RangeSeries series = range.source->At(i, scratch);
    SeriesPoints& points = matrix.emplace_back();
    const LabelPairs labels = (*range.frame)[i];
    points.labels = series::Spelled(*range.frame->symbols(),
                                    range.frame->DropsName(i) ? WithoutMetadata(labels) : labels);
    if (extended) {
      if (!series.histograms.times.empty())
        return Error{"an anchored or smoothed range vector of histograms can't be a result itself"};
      points.points = ExtendedFloats(series.floats, after, until, range.smoothed);
      continue;
    }
    for (std::size_t k = 0; k < series.floats.times.size(); ++k) {
      const TimestampMs time = series.floats.times[k];
      if (time > after && time <= until) points.points.emplace_back(time, series.floats.values[k]);
    }
    for (std::size_t k = 0; k < series.histograms.times.size(); ++k) {
      const TimestampMs time = series.histograms.times[k];
      if (time > after && time <= until)
        points.histograms.emplace_back(time, series.histograms.values[k]);
    }
  }
  return matrix;
}

Matrix Sorted(Matrix matrix) {
  std::erase_if(matrix, [](const SeriesPoints& series) {
    return series.points.empty() && series.histograms.empty();
  });
  std::sort(matrix.begin(), matrix.end(),
            [](const SeriesPoints& a, const SeriesPoints& b) { return a.labels < b.labels; });
  return matrix;
}

Error NotForRange(ValueType type) {
  const char* name = type == ValueType::kString ? "string" : "range vector";
  return {std::string("invalid expression type \"") + name +
              "\" for range query, must be Scalar or instant Vector",
          Reason::kParse};
}

}  // namespace

Result<QueryResult> Engine::Instant(const ExprPtr& expr, const series::Queryable& storage,
                                    TimestampMs time, const Interrupt& interrupt) const {
  if (std::abs(time) > kFarthest) return Error{"the time of the query is out of range"};
  const Result<Resolved> resolved = Resolve(expr, {time, time, Millis(0)});
  if (!resolved.ok()) return resolved.error();
  const std::unique_ptr<series::View> view = storage.Open(interrupt);
  Memos memos(resolved->nodes);
  QueryState query{*view, options_, memos, interrupt};
  Evaluator evaluator(query, Steps{time, 1, 1});
  Result<Value> value = evaluator.Evaluate(*resolved->expr);
  if (!value.ok()) return value.error();
  QueryResult result;
  if (auto* vector = std::get_if<StepVector>(&value->value)) {
    const Result<StepVector> finished = evaluator.Finish(*resolved->expr, std::move(*vector));
    if (!finished.ok()) return finished.error();
    result.value = ToVector(*finished, time);
  } else if (const auto* scalar = std::get_if<StepScalar>(&value->value)) {
    result.value = Scalar{time, scalar->front()};
  } else if (auto* text = std::get_if<std::string>(&value->value)) {
    result.value = std::move(*text);
  } else {
    const RangeVector& range = std::get<RangeVector>(value->value);
    const TimestampMs until = range.End(time);
    Result<Matrix> matrix = ToMatrix(range, until - range.range, until);
    if (!matrix.ok()) return matrix.error();
    result.value = Sorted(std::move(matrix).value());
  }
  result.warnings = query.notes.Warnings();
  result.infos = query.notes.Infos();
  return result;
}

Result<QueryResult> Engine::Range(const ExprPtr& expr, const series::Queryable& storage,
                                  TimestampMs start, TimestampMs end, Millis step,
                                  const Interrupt& interrupt) const {
  const ValueType type = TypeOf(*expr);
  if (type != ValueType::kScalar && type != ValueType::kVector) return NotForRange(type);
  if (step.count() <= 0) return Error{"the step of a range query must be positive"};
  if (std::abs(start) > kFarthest || std::abs(end) > kFarthest)
    return Error{"the time of the query is out of range"};
  QueryResult result;
  if (end < start) {
    result.value = Matrix{};
    return result;
  }
  const Result<Resolved> resolved = Resolve(expr, {start, end, step});
  if (!resolved.ok()) return resolved.error();
  const std::unique_ptr<series::View> view = storage.Open(interrupt);
  Memos memos(resolved->nodes);
  QueryState query{*view, options_, memos, interrupt};
  const Steps steps{start, step.count(),
                    static_cast<std::size_t>((end - start) / step.count()) + 1};
  Evaluator evaluator(query, steps);
  Result<Value> value = evaluator.Evaluate(*resolved->expr);
  if (!value.ok()) return value.error();
  StepVector vector;
  if (auto* scalar = std::get_if<StepScalar>(&value->value)) {
    vector = evaluator.NewVector(evaluator.Unlabelled());
    vector.values = std::move(*scalar);
  } else {
    vector = std::get<StepVector>(std::move(value->value));
  }
  const Result<StepVector> finished = evaluator.Finish(*resolved->expr, std::move(vector));
  if (!finished.ok()) return finished.error();
  result.value = Sorted(ToMatrix(*finished, steps));
  result.warnings = query.notes.Warnings();
  result.infos = query.notes.Infos();
  return result;
}

}  // namespace tierwatch::promql
