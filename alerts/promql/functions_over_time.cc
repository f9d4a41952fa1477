#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "alerts/promql/histogram_element.h"
#include "alerts/promql/mean.h"
#include "alerts/promql/window.h"
#include "alerts/series/histogram_sum.h"

namespace tierwatch::promql {
namespace {

using enum ValueType;

bool Mixed(const Window& window) {
  return !window.floats.times.empty() && !window.histograms.times.empty();
}

// Functions that know floats only say so where there are histograms too.
bool HasFloats(const Window& window, WindowContext& context, std::size_t least = 1) {
  const std::size_t floats = window.floats.times.size();
  if (floats > 0 && !window.histograms.times.empty()) {
    context.notes().InfoHistogramIgnoredInRange(context.metric(), context.where);
  }
  return floats >= least;
}

// Sum or mean of a window of histograms alone.
template <class Accumulator>
Point OfHistograms(const Window& window, WindowContext& context) {
  const auto values = window.histograms.values;
  Accumulator accumulator(*values.front());
  series::HintCollision hints;
  hints.See(values.front()->reset_hint);
  bool reconciled = false;
  for (const HistogramPtr& histogram : values.subspan(1)) {
    hints.See(histogram->reset_hint);
    const series::CombineInfo info = accumulator.Add(*histogram);
    if (info.incompatible) {
      context.notes().WarnMixedSchemas(context.metric(), context.where);
      return {};
    }
    reconciled = reconciled || info.bounds_reconciled;
  }
  if (hints.found()) context.notes().WarnResetCollision("aggregation", context.where);
  if (reconciled) context.notes().InfoReconciled("aggregation", context.where);
  return {0, Share(accumulator.Value())};
}

Point Avg(const Window& window, WindowContext& context) {
  if (Mixed(window)) return context.notes().WarnMixed(context.metric(), context.where), Point{};
  if (window.floats.times.empty()) return OfHistograms<series::HistogramMean>(window, context);
  RunningMean mean;
  for (const double value : window.floats.values) mean.Add(value);
  return {mean.value()};
}

Point Sum(const Window& window, WindowContext& context) {
  if (Mixed(window)) return context.notes().WarnMixed(context.metric(), context.where), Point{};
  if (window.floats.times.empty()) return OfHistograms<series::HistogramSum>(window, context);
  double sum = 0, compensation = 0;
  for (const double value : window.floats.values) KahanAdd(value, sum, compensation);
  return {std::isinf(sum) ? sum : sum + compensation};
}

Point Count(const Window& window, WindowContext&) {
  return {static_cast<double>(window.floats.times.size() + window.histograms.times.size())};
}

Point Present(const Window&, WindowContext&) { return {1}; }

Point First(const Window& window, WindowContext&) {
  const bool floats = !window.floats.times.empty();
  if (window.histograms.times.empty() ||
      (floats && window.floats.times.front() < window.histograms.times.front())) {
    return {window.floats.values.front()};
  }
  return {0, window.histograms.values.front()};
}

Point Last(const Window& window, WindowContext&) {
  const bool floats = !window.floats.times.empty();
  if (window.histograms.times.empty() ||
      (floats && window.histograms.times.back() < window.floats.times.back())) {
    return {window.floats.values.back()};
  }
  return {0, window.histograms.values.back()};
}

Point TimeOfFirst(const Window& window, WindowContext&) {
  TimestampMs first = std::numeric_limits<TimestampMs>::max();
  if (!window.floats.times.empty()) first = window.floats.times.front();
  if (!window.histograms.times.empty()) first = std::min(first, window.histograms.times.front());
  return {static_cast<double>(first) / 1000};
}

Point TimeOfLast(const Window& window, WindowContext&) {
  TimestampMs last = std::numeric_limits<TimestampMs>::min();
  if (!window.floats.times.empty()) last = window.floats.times.back();
  if (!window.histograms.times.empty()) last = std::max(last, window.histograms.times.back());
  return {static_cast<double>(last) / 1000};
}

// The index of the value that beats all before it; any value beats NaN.
template <class Beats>
std::size_t Best(std::span<const double> values, Beats beats) {
  std::size_t best = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (beats(values[i], values[best]) || std::isnan(values[best])) best = i;
  }
  return best;
}

Point Max(const Window& window, WindowContext& context) {
  if (!HasFloats(window, context)) return {};
  return {
      window.floats.values[Best(window.floats.values, [](double a, double b) { return a > b; })]};
}

Point Min(const Window& window, WindowContext& context) {
  if (!HasFloats(window, context)) return {};
  return {
      window.floats.values[Best(window.floats.values, [](double a, double b) { return a < b; })]};
}

Point TimeOfMax(const Window& window, WindowContext& context) {
  if (!HasFloats(window, context)) return {};
  const std::size_t best = Best(window.floats.values, [](double a, double b) { return a >= b; });
  return {static_cast<double>(window.floats.times[best]) / 1000};
}

Point TimeOfMin(const Window& window, WindowContext& context) {
  if (!HasFloats(window, context)) return {};
  const std::size_t best = Best(window.floats.values, [](double a, double b) { return a <= b; });
  return {static_cast<double>(window.floats.times[best]) / 1000};
}

Point Variance(const Window& window, WindowContext& context) {
  if (!HasFloats(window, context)) return {};
  double count = 0, mean = 0, mean_compensation = 0, squares = 0, squares_compensation = 0;
  for (const double value : window.floats.values) {
    ++count;
    const double delta = value - (mean + mean_compensation);
    KahanAdd(delta / count, mean, mean_compensation);
    KahanAdd(delta * (value - (mean + mean_compensation)), squares, squares_compensation);
  }
  return {(squares + squares_compensation) / count};
}

Point StandardDeviation(const Window& window, WindowContext& context) {
  const Point variance = Variance(window, context);
  return IsAbsent(variance.value) ? variance : Point{std::sqrt(variance.value)};
}

Point QuantileOver(const Window& window, WindowContext& context) {
  if (window.floats.times.empty()) return {};
  const double q = context.scalars[0];
  if (!(q >= 0 && q <= 1)) context.notes().WarnQuantile(q, context.first_argument);
  if (!window.histograms.times.empty()) {
    context.notes().InfoHistogramIgnoredInRange(context.metric(), context.first_argument);
  }
  std::vector<double> values(window.floats.values.begin(), window.floats.values.end());
  return {Quantile(q, values)};
}

// The median of the distances from the median.
Point MedianAbsoluteDeviation(const Window& window, WindowContext& context) {
  if (!HasFloats(window, context)) return {};
  std::vector<double> values(window.floats.values.begin(), window.floats.values.end());
  if (std::any_of(values.begin(), values.end(), [](double v) { return std::isnan(v); }))
    return {series::OrdinaryNan()};
  const double median = Quantile(0.5, values);
  for (double& value : values) value = std::abs(value - median);
  return {Quantile(0.5, values)};
}

// Holt's linear method: a level and a trend, each smoothed.
Point DoubleExponentialSmoothing(const Window& window, WindowContext& context) {
  const double level_factor = context.scalars[0], trend_factor = context.scalars[1];
  const auto check = [&](double factor, const char* name) {
    if (factor > 0 && factor < 1) return true;
    context.error = Error{
        fmt::format("invalid {} factor. Expected: 0 < {}f < 1, got: {:f}", name, name[0], factor)};
    return false;
  };
  if (!check(level_factor, "smoothing") || !check(trend_factor, "trend")) return {};
  if (!HasFloats(window, context, 2)) return {};
  const auto values = window.floats.values;
  double before = 0, level = values[0], trend = values[1] - values[0];
  for (std::size_t i = 1; i < values.size(); ++i) {
    if (i > 1) trend = trend_factor * (level - before) + (1 - trend_factor) * trend;
    const double next = level_factor * values[i] + (1 - level_factor) * (level + trend);
    before = level;
    level = next;
  }
  return {level};
}

constexpr Function kFunctions[] = {
    {"avg_over_time", {kMatrix}, 0, kVector, Over<Avg>},
    {"count_over_time", {kMatrix}, 0, kVector, Over<Count>},
    {"double_exponential_smoothing",
     {kMatrix, kScalar, kScalar},
     0,
     kVector,
     Over<DoubleExponentialSmoothing>,
     kExperimental},
    {"first_over_time", {kMatrix}, 0, kVector, Over<First>, kKeepsName},
    {"last_over_time", {kMatrix}, 0, kVector, Over<Last>, kKeepsName},
    {"mad_over_time", {kMatrix}, 0, kVector, Over<MedianAbsoluteDeviation>, kExperimental},
    {"max_over_time", {kMatrix}, 0, kVector, Over<Max>},
    {"min_over_time", {kMatrix}, 0, kVector, Over<Min>},
    {"present_over_time", {kMatrix}, 0, kVector, Over<Present>},
    {"quantile_over_time", {kScalar, kMatrix}, 0, kVector, Over<QuantileOver>},
    {"stddev_over_time", {kMatrix}, 0, kVector, Over<StandardDeviation>},
    {"stdvar_over_time", {kMatrix}, 0, kVector, Over<Variance>},
    {"sum_over_time", {kMatrix}, 0, kVector, Over<Sum>},
    {"ts_of_first_over_time", {kMatrix}, 0, kVector, Over<TimeOfFirst>, kExperimental},
    {"ts_of_last_over_time", {kMatrix}, 0, kVector, Over<TimeOfLast>, kExperimental},
    {"ts_of_max_over_time", {kMatrix}, 0, kVector, Over<TimeOfMax>, kExperimental},
    {"ts_of_min_over_time", {kMatrix}, 0, kVector, Over<TimeOfMin>, kExperimental},
};

}  // namespace

std::span<const Function> OverTimeFunctions() { return kFunctions; }

}  // namespace tierwatch::promql
