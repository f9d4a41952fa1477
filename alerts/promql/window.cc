#include "alerts/promql/window.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace tierwatch::promql {
namespace {

// The part of a column of times inside (after, until]; moves forward with the steps.
struct Cursor {
  std::size_t begin = 0;
  std::size_t end = 0;

  void Move(std::span<const TimestampMs> times, TimestampMs after, TimestampMs until) {
    while (end < times.size() && times[end] <= until) ++end;
    while (begin < end && times[begin] <= after) ++begin;
  }
  template <class T>
  std::span<const T> Cut(std::span<const T> column) const {
    return column.empty() ? column : column.subspan(begin, end - begin);
  }
};

struct Arguments {
  const Expr* range = nullptr;
  std::vector<StepScalar> scalars;
};

Result<Arguments> ReadArguments(Evaluator& evaluator, const Call& call) {
  Arguments arguments;
  for (const ExprPtr& arg : call.args) {
    if (TypeOf(*arg) == ValueType::kMatrix) {
      arguments.range = arg.get();
      continue;
    }
    Result<StepScalar> scalar = evaluator.Scalar(*arg);
    if (!scalar.ok()) return scalar.error();
    arguments.scalars.push_back(std::move(scalar).value());
  }
  return arguments;
}

// anchored and smoothed hand out samples beyond the range, which only these functions are made for.
std::optional<Error> CheckExtended(const RangeVector& range, std::string_view function) {
  const bool smoothed = function == "rate" || function == "increase" || function == "delta";
  const bool anchored = smoothed || function == "resets" || function == "changes";
  if (range.anchored && !anchored) {
    return Error{
        "anchored modifier can only be used with: changes, delta, increase, rate, resets - not "
        "with " +
        std::string(function)};
  }
  if (range.smoothed && !smoothed) {
    return Error{"smoothed modifier can only be used with: delta, increase, rate - not with " +
                 std::string(function)};
  }
  return std::nullopt;
}

void NoteNonCounter(WindowContext& context) {
  const std::string_view name = context.metric();
  if (name.empty()) return;
  if (context.evaluator.options().type_and_unit_labels) {
    const std::string_view type = context.labels.Get("__type__");
    if (type == "counter" || type == "histogram") return;
    context.notes().Info(
        "PromQL info: metric might not be a counter, __type__ label is not set to \"counter\" or "
        "\"histogram\", got " +
            Quote(type) + ": " + Quote(name),
        context.where);
    return;
  }
  for (const std::string_view suffix : {"_total", "_sum", "_count", "_bucket"}) {
    if (name.ends_with(suffix)) return;
  }
  context.notes().Info(
      "PromQL info: metric might not be a counter, name does not end in "
      "_total/_sum/_count/_bucket: " +
          Quote(name),
      context.where);
}

// One series at all steps; false where it has no value at any.
bool FillSeries(const RangeSeries& series, const std::vector<StepScalar>& scalars,
                WindowFunction function, WindowContext& context, StepSeries& out) {
  const Evaluator& evaluator = context.evaluator;
  const RangeVector& range = context.range;
  const TimestampMs lookback = evaluator.options().lookback.count();
  const TimestampMs before = range.anchored || range.smoothed ? lookback : 0;
  const TimestampMs after = range.smoothed ? lookback : 0;
  Cursor floats, histograms;
  bool any = false;
  for (std::size_t step = 0; step < evaluator.steps().count && !context.error; ++step) {
    Window window;
    window.time = evaluator.steps().At(step);
    window.end = range.End(window.time);
    window.start = window.end - range.range;
    floats.Move(series.floats.times, window.start - before, window.end + after);
    histograms.Move(series.histograms.times, window.start - before, window.end + after);
    window.floats = {floats.Cut(series.floats.times), floats.Cut(series.floats.values),
                     floats.Cut(series.floats.starts)};
    window.histograms = {histograms.Cut(series.histograms.times),
                         histograms.Cut(series.histograms.values),
                         histograms.Cut(series.histograms.starts)};
    if (window.floats.times.empty() && window.histograms.times.empty()) continue;
    for (std::size_t i = 0; i < scalars.size(); ++i) context.scalars[i] = scalars[i][step];
    Point point = function(window, context);
    if (!point.histogram && IsAbsent(point.value)) continue;
    out.Set(step, std::move(point));
    any = true;
  }
  return any;
}

}  // namespace

Result<Value> OverWindows(Evaluator& evaluator, const Call& call, WindowFunction function) {
  const Result<Arguments> arguments = ReadArguments(evaluator, call);
  if (!arguments.ok()) return arguments.error();
  const Result<RangeVector> range = evaluator.Range(*arguments->range);
  if (!range.ok()) return range.error();
  if (const std::optional<Error> error = CheckExtended(*range, call.function->name)) return *error;
  const bool counter = call.function->name == "rate" || call.function->name == "increase";
  StepVector vector;
  for (const RangeSeries& series : range->series) {
    WindowContext context{evaluator, *range, series.labels, arguments->range->where,
                          call.args.front()->where};
    context.scalars.resize(arguments->scalars.size());
    StepSeries out = evaluator.NewSeries(series.labels);
    out.drop_name = series.drop_name;
    const bool any = FillSeries(series, arguments->scalars, function, context, out);
    if (context.error) return *context.error;
    if (!any) continue;
    const bool floats =
        out.histograms.empty() ||
        std::any_of(out.histograms.begin(), out.histograms.end(), [](const auto& h) { return !h; });
    if (counter && floats) NoteNonCounter(context);
    if ((call.function->flags & kKeepsName) == 0) evaluator.DropName(out);
    vector.push_back(std::move(out));
  }
  return Value{std::move(vector)};
}

void KahanAdd(double value, double& sum, double& compensation) {
  const double total = sum + value;
  if (std::isinf(total)) {
    compensation = 0;
  } else if (std::abs(sum) >= std::abs(value)) {
    compensation += (sum - total) + value;
  } else {
    compensation += (value - total) + sum;
  }
  sum = total;
}

double Quantile(double q, std::vector<double>& values) {
  if (values.empty() || std::isnan(q)) return series::OrdinaryNan();
  if (q < 0) return -std::numeric_limits<double>::infinity();
  if (q > 1) return std::numeric_limits<double>::infinity();
  std::sort(values.begin(), values.end(), [](double a, double b) {
    return std::isnan(a) ? !std::isnan(b) : a < b;  // NaN first
  });
  const double rank = q * static_cast<double>(values.size() - 1);
  const auto lower = static_cast<std::size_t>(std::floor(rank));
  const std::size_t upper = std::min(lower + 1, values.size() - 1);
  const double weight = rank - std::floor(rank);
  return values[lower] * (1 - weight) + values[upper] * weight;
}

}  // namespace tierwatch::promql
