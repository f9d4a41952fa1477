#include <algorithm>
#include <cmath>
#include <utility>

#include "alerts/promql/evaluator.h"
#include "alerts/promql/promql.h"
#include "alerts/promql/resolve.h"

namespace tierwatch::promql {
namespace {

// Farther than any calendar, near enough for arithmetic on milliseconds not to overflow.
constexpr TimestampMs kFarthest = 1'000'000'000'000'000'000;

Vector ToVector(StepVector vector, TimestampMs time) {
  Vector result;
  for (StepSeries& series : vector) {
    if (!series.Has(0)) continue;
    VectorSample& sample = result.emplace_back();
    sample.labels = std::move(series.labels);
    sample.time = time;
    sample.value = series.values[0];
    sample.histogram = series.Histogram(0);
  }
  return result;
}

SeriesPoints ToPoints(StepSeries series, const Steps& steps) {
  SeriesPoints result;
  result.labels = std::move(series.labels);
  for (std::size_t step = 0; step < steps.count; ++step) {
    if (!series.Has(step)) continue;
    if (const HistogramPtr& histogram = series.Histogram(step)) {
      result.histograms.emplace_back(steps.At(step), histogram);
    } else {
      result.points.emplace_back(steps.At(step), series.values[step]);
    }
  }
  return result;
}

SeriesPoints ToPoints(const RangeSeries& series, TimestampMs after, TimestampMs until) {
  SeriesPoints result;
  result.labels = series.drop_name ? WithoutName(series.labels) : series.labels;
  for (std::size_t i = 0; i < series.floats.times.size(); ++i) {
    const TimestampMs time = series.floats.times[i];
    if (time > after && time <= until) result.points.emplace_back(time, series.floats.values[i]);
  }
  for (std::size_t i = 0; i < series.histograms.times.size(); ++i) {
    const TimestampMs time = series.histograms.times[i];
    if (time > after && time <= until)
      result.histograms.emplace_back(time, series.histograms.values[i]);
  }
  return result;
}

Matrix Sorted(Matrix matrix) {
  std::erase_if(matrix, [](const SeriesPoints& series) {
    return series.points.empty() && series.histograms.empty();
  });
  std::sort(matrix.begin(), matrix.end(),
            [](const SeriesPoints& a, const SeriesPoints& b) { return a.labels < b.labels; });
  return matrix;
}

// What is left of names that were to go when the evaluation ends.
Result<StepVector> Finish(const Evaluator& evaluator, StepVector vector) {
  for (StepSeries& series : vector) {
    if (series.drop_name) series.labels = WithoutName(series.labels);
  }
  return evaluator.Merge(std::move(vector));
}

Error NotForRange(ValueType type) {
  const char* name = type == ValueType::kString ? "string" : "range vector";
  return {std::string("invalid expression type \"") + name +
              "\" for range query, must be Scalar or instant Vector",
          Reason::kParse};
}

}  // namespace

Result<QueryResult> Engine::Instant(const ExprPtr& expr, const series::Queryable& storage,
                                    TimestampMs time) const {
  if (std::abs(time) > kFarthest) return Error{"the time of the query is out of range"};
  const Result<ExprPtr> resolved = Resolve(expr, {time, time, Millis(0)});
  if (!resolved.ok()) return resolved.error();
  QueryState query{storage, options_};
  Evaluator evaluator(query, Steps{time, 1, 1});
  Result<Value> value = evaluator.Evaluate(**resolved);
  if (!value.ok()) return value.error();
  QueryResult result;
  if (auto* vector = std::get_if<StepVector>(&value->value)) {
    Result<StepVector> finished = Finish(evaluator, std::move(*vector));
    if (!finished.ok()) return finished.error();
    result.value = ToVector(std::move(finished).value(), time);
  } else if (const auto* scalar = std::get_if<StepScalar>(&value->value)) {
    result.value = Scalar{time, scalar->front()};
  } else if (auto* text = std::get_if<std::string>(&value->value)) {
    result.value = std::move(*text);
  } else {
    const RangeVector& range = std::get<RangeVector>(value->value);
    if (range.anchored || range.smoothed)
      return Error{"anchored and smoothed range vectors are not supported yet as a result"};
    Matrix matrix;
    const TimestampMs until = range.End(time);
    for (const RangeSeries& series : range.series)
      matrix.push_back(ToPoints(series, until - range.range, until));
    result.value = Sorted(std::move(matrix));
  }
  result.warnings = query.notes.Warnings();
  result.infos = query.notes.Infos();
  return result;
}

Result<QueryResult> Engine::Range(const ExprPtr& expr, const series::Queryable& storage,
                                  TimestampMs start, TimestampMs end, Millis step) const {
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
  const Result<ExprPtr> resolved = Resolve(expr, {start, end, step});
  if (!resolved.ok()) return resolved.error();
  QueryState query{storage, options_};
  const Steps steps{start, step.count(),
                    static_cast<std::size_t>((end - start) / step.count()) + 1};
  Evaluator evaluator(query, steps);
  Result<Value> value = evaluator.Evaluate(**resolved);
  if (!value.ok()) return value.error();
  StepVector vector;
  if (auto* scalar = std::get_if<StepScalar>(&value->value)) {
    vector.push_back({{}, false, std::move(*scalar)});
  } else {
    vector = std::get<StepVector>(std::move(value->value));
  }
  Result<StepVector> finished = Finish(evaluator, std::move(vector));
  if (!finished.ok()) return finished.error();
  Matrix matrix;
  for (StepSeries& series : *finished) matrix.push_back(ToPoints(std::move(series), steps));
  result.value = Sorted(std::move(matrix));
  result.warnings = query.notes.Warnings();
  result.infos = query.notes.Infos();
  return result;
}

}  // namespace tierwatch::promql
