#include "alerts/promql/window.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "base/labels.h"

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
    if (arg->type == ValueType::kMatrix) {
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

// Which series don't look like counters, by the frame of a range.
struct NonCounters : Memo {
  FramePtr input;
  std::vector<std::uint32_t> series;
};

bool LooksLikeCounter(const Evaluator& evaluator, const Frame& frame, std::size_t i) {
  const std::string_view name = frame.Text(i, series::kNameSymbol);
  if (name.empty()) return true;
  if (evaluator.options().type_and_unit_labels) {
    const std::string_view type = frame.Text(i, series::kTypeSymbol);
    return type == "counter" || type == "histogram";
  }
  return name.ends_with("_total") || name.ends_with("_sum") || name.ends_with("_count") ||
         name.ends_with("_bucket");
}

// Tells of rates of what isn't a counter, for each series that has a float as its result.
void NoteNonCounters(Evaluator& evaluator, const Expr& expr, const StepVector& vector,
                     const Place& where) {
  NonCounters& memo = evaluator.MemoOf<NonCounters>(expr);
  const Frame& frame = *vector.frame;
  if (memo.input != vector.frame) {
    memo.series.clear();
    for (std::uint32_t i = 0; i < frame.size(); ++i) {
      if (!LooksLikeCounter(evaluator, frame, i)) memo.series.push_back(i);
    }
    memo.input = vector.frame;
  }
  Symbol told = series::kNoText;  // neighbours mostly have the same name
  for (const std::uint32_t i : memo.series) {
    const Symbol symbol = series::ValueOf(frame[i], series::kNameSymbol);
    if (symbol == told && !evaluator.options().type_and_unit_labels) continue;
    bool floats = false;
    for (std::size_t step = 0; step < vector.steps; ++step)
      floats = floats || vector.HasFloat(i, step);
    if (!floats) continue;
    told = symbol;
    const std::string name = Quote(frame.Text(i, series::kNameSymbol));
    const std::string what =
        evaluator.options().type_and_unit_labels
            ? "__type__ label is not set to \"counter\" or \"histogram\", got " +
                  Quote(frame.Text(i, series::kTypeSymbol)) + ": " + name
            : "name does not end in _total/_sum/_count/_bucket: " + name;
    evaluator.notes().Info("PromQL info: metric might not be a counter, " + what, where);
  }
}

// One series at all steps.
void FillSeries(const RangeSeries& series, const std::vector<StepScalar>& scalars,
                WindowFunction function, WindowContext& context, StepVector& out) {
  const Evaluator& evaluator = context.evaluator;
  const RangeVector& range = context.range;
  const TimestampMs lookback = evaluator.options().lookback.count();
  const TimestampMs before = range.anchored || range.smoothed ? lookback : 0;
  const TimestampMs after = range.smoothed ? lookback : 0;
  Cursor floats, histograms;
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
    if (point.histogram || !IsAbsent(point.value)) out.Set(context.series, step, std::move(point));
  }
}

// All series of a range vector, those in matrices by `of_matrix` where that is given.
class Filler {
 public:
  Filler(WindowContext& context, const std::vector<StepScalar>& scalars, WindowFunction function,
         StepVector& out)
      : context_(context), scalars_(scalars), function_(function), out_(out) {}

  std::optional<Error> Run(MatrixFunction of_matrix) {
    const RangeVector& range = context_.range;
    const Evaluator& evaluator = context_.evaluator;
    const bool by_matrix = of_matrix != nullptr && evaluator.at_one_step() && !range.anchored &&
                           !range.smoothed && !evaluator.options().use_start_timestamps;
    std::size_t next = 0;
    std::vector<std::uint32_t> left;
    for (const series::MatrixPart& part : range.source->parts()) {
      if (!by_matrix || !part.complete) continue;
      for (; next < part.first && !error_; ++next) Fill(next);
      left.clear();
      if (!error_) error_ = evaluator.Interrupted();
      of_matrix(part, range, range.End(evaluator.steps().start),
                std::span(out_.values).subspan(part.first, part.columns.size()), left);
      for (const std::uint32_t i : left) {
        if (!error_) Fill(part.first + i);
      }
      next = part.first + part.columns.size();
    }
    for (; next < out_.size() && !error_; ++next) Fill(next);
    return error_;
  }

 private:
  void Fill(std::size_t i) {
    error_ = context_.evaluator.Interrupted(i);
    if (error_) return;
    context_.series = i;
    FillSeries(context_.range.source->At(i, scratch_), scalars_, function_, context_, out_);
    error_ = context_.error;
  }

  WindowContext& context_;
  const std::vector<StepScalar>& scalars_;
  const WindowFunction function_;
  StepVector& out_;
  RangeScratch scratch_;
  std::optional<Error> error_;
};

}  // namespace

Result<Value> OverWindows(Evaluator& evaluator, const Expr& expr, const Call& call,
                          WindowFunction function, MatrixFunction of_matrix) {
  const Result<Arguments> arguments = ReadArguments(evaluator, call);
  if (!arguments.ok()) return arguments.error();
  const Result<RangeVector> range = evaluator.Range(*arguments->range);
  if (!range.ok()) return range.error();
  if (const std::optional<Error> error = CheckExtended(*range, call.function->name)) return *error;
  StepVector vector = evaluator.NewVector(range->frame);
  WindowContext context{evaluator, *range, arguments->range->where, call.args.front()->where};
  context.scalars.resize(arguments->scalars.size());
  if (const auto error = Filler(context, arguments->scalars, function, vector).Run(of_matrix))
    return *error;
  const bool counter = call.function->name == "rate" || call.function->name == "increase";
  if (counter) NoteNonCounters(evaluator, expr, vector, context.where);
  if ((call.function->flags & kKeepsName) != 0) return Value{std::move(vector)};
  Result<StepVector> renamed = evaluator.DropNames(expr, std::move(vector));
  if (!renamed.ok()) return renamed.error();
  return Value{std::move(renamed).value()};
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
