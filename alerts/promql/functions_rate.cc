// Change over time: rate, increase, delta and their like. Source of the semantics: Prometheus 3.14,
// promql/functions.go.
#include <algorithm>
#include <cmath>

#include "alerts/promql/extended.h"
#include "alerts/promql/histogram_element.h"
#include "alerts/promql/rate.h"
#include "alerts/promql/window.h"

namespace tierwatch::promql {
namespace {

using enum ValueType;

struct Kind {
  bool counter;
  bool per_second;
};

// Start times count only where the engine is told to look at them.
std::span<const TimestampMs> Starts(const Window& window, const WindowContext& context) {
  return context.evaluator.options().use_start_timestamps ? window.floats.starts
                                                          : std::span<const TimestampMs>();
}

// What a counter counted before its resets inside the window.
double LostToResets(const Window& window, std::span<const TimestampMs> starts,
                    WindowContext& context) {
  const auto values = window.floats.values;
  const auto times = window.floats.times;
  double lost = 0;
  bool overlap = false;
  for (std::size_t i = 1; i < values.size(); ++i) {
    bool reset = values[i] < values[i - 1];
    if (!starts.empty()) {
      if (!overlap && StartsOverlap(starts[i - 1], times[i - 1], starts[i])) {
        WarnOverlap(context);
        overlap = true;
      }
      reset = reset || StartedAnew(starts[i - 1], times[i - 1], starts[i], times[i]);
    }
    if (reset) lost += values[i - 1];
  }
  return lost;
}

Point RateOfFloats(const Window& window, WindowContext& context, Kind kind) {
  const auto values = window.floats.values;
  const auto times = window.floats.times;
  const auto starts = kind.counter ? Starts(window, context) : std::span<const TimestampMs>();
  double result = values.back() - values.front();
  if (kind.counter) result += LostToResets(window, starts, context);

  const double intervals = static_cast<double>(values.size() - 1);
  double sampled = Seconds(times.back() - times.front());
  const double interval = intervals > 0 ? sampled / intervals : 0;
  double factor = 1;
  if (!starts.empty() && starts[0] != 0 && starts[0] > window.start && starts[0] < times[0]) {
    // The counter began inside of the window: it was zero then, nothing needs to be guessed on the
    // left.
    sampled = Seconds(times.back() - starts[0]);
    result += values.front();
    double to_end = Seconds(window.end - times.back());
    if (to_end >= interval * 1.1) to_end = interval / 2;
    factor = (sampled + to_end) / sampled;
  } else if (intervals == 0) {
    return {};
  } else {
    factor =
        Extrapolated(result, sampled, Seconds(times.front() - window.start),
                     Seconds(window.end - times.back()), interval, values.front(), kind.counter);
  }
  return {result * (kind.per_second ? factor / context.range_seconds() : factor)};
}

// anchored: from the last sample at or before the start to the last one in the window, nothing
// extrapolated. smoothed: between values interpolated at both edges.
Point ExtendedRate(const Window& window, WindowContext& context, Kind kind) {
  const auto times = window.floats.times;
  const auto values = window.floats.values;
  const bool smoothed = context.range.smoothed;
  // The last sample counts as a match for any search that finds none before it.
  const auto search = [&](auto found) {
    return static_cast<std::size_t>(std::find_if(times.begin(), times.end() - 1, found) -
                                    times.begin());
  };
  std::size_t first = search([&](TimestampMs t) { return t > window.start; });
  if (first > 0) --first;
  std::size_t last = times.size() - 1;
  if (smoothed) last = search([&](TimestampMs t) { return t >= window.end; });
  if (times[last] <= window.start || (smoothed && times[first] > window.end)) return {};

  const bool cut_left = smoothed && times[first] < window.start;
  const bool cut_right = smoothed && last > 0 && times[last] > window.end;
  const double left = cut_left ? Interpolated(times[first], values[first], times[first + 1],
                                              values[first + 1], window.start, kind.counter)
                               : values[first];
  const double right = cut_right ? Interpolated(times[last - 1], values[last - 1], times[last],
                                                values[last], window.end, kind.counter)
                                 : values[last];
  double result = right - left;
  if (kind.counter) {
    const std::size_t begin = first + (times[first] <= window.start ? 1 : 0);
    const std::size_t end = times[last] >= window.end ? last : last + 1;
    double before = left;
    for (std::size_t i = begin; i < end; ++i) {
      if (values[i] < before) result += before;
      before = values[i];
    }
    if (right < before) result += before;
  }
  return {kind.per_second ? result / context.range_seconds() : result};
}

// The samples of a window that hold a sample of either type, oldest first.
struct Either {
  TimestampMs time = 0;
  TimestampMs start = 0;
  double value = 0;
  const series::FloatHistogram* histogram = nullptr;
};

std::vector<Either> Merged(const Window& window, const WindowContext& context) {
  const bool starts = context.evaluator.options().use_start_timestamps;
  std::vector<Either> merged;
  const auto& floats = window.floats;
  const auto& histograms = window.histograms;
  for (std::size_t i = 0; i < floats.times.size(); ++i) {
    merged.push_back({floats.times[i], starts && !floats.starts.empty() ? floats.starts[i] : 0,
                      floats.values[i]});
  }
  for (std::size_t i = 0; i < histograms.times.size(); ++i) {
    merged.push_back({histograms.times[i],
                      starts && !histograms.starts.empty() ? histograms.starts[i] : 0, 0,
                      histograms.values[i].get()});
  }
  std::sort(merged.begin(), merged.end(),
            [](const Either& a, const Either& b) { return a.time < b.time; });
  return merged;
}

bool Reset(const Either& before, const Either& now) {
  if ((before.histogram == nullptr) != (now.histogram == nullptr)) return true;
  if (StartedAnew(before.start, before.time, now.start, now.time)) return true;
  return now.histogram != nullptr ? now.histogram->DetectReset(*before.histogram)
                                  : now.value < before.value;
}

template <bool kCounter, bool kPerSecond>
Point Rate(const Window& window, WindowContext& context) {
  const Kind kind{kCounter, kPerSecond};
  const bool extended = context.range.anchored || context.range.smoothed;
  if (!window.histograms.times.empty()) {
    if (!window.floats.times.empty())
      return context.notes().WarnMixed(context.metric(), context.where), Point{};
    if (extended) return ExtendedRateOfHistograms(window, context, kCounter, kPerSecond);
    return RateOfHistograms(window, context, kCounter, kPerSecond);
  }
  return extended ? ExtendedRate(window, context, kind) : RateOfFloats(window, context, kind);
}

Point InstantRateOfEither(const std::vector<Either>& samples, WindowContext& context,
                          bool per_second) {
  if (samples.size() < 2) return {};
  const Either &before = samples[samples.size() - 2], &now = samples.back();
  const double seconds = Seconds(now.time - before.time);
  if ((before.histogram == nullptr) != (now.histogram == nullptr)) {
    context.notes().WarnMixed(context.metric(), context.where);
    return {};
  }
  if (now.histogram == nullptr) {
    const double change = per_second && Reset(before, now) ? now.value : now.value - before.value;
    return {per_second ? change / seconds : change};
  }
  using series::ResetHint;
  const bool gauges = before.histogram->reset_hint == ResetHint::kGauge ||
                      now.histogram->reset_hint == ResetHint::kGauge;
  const bool all_gauges = before.histogram->reset_hint == ResetHint::kGauge &&
                          now.histogram->reset_hint == ResetHint::kGauge;
  if (per_second && gauges) WarnNotCounter(context);
  if (!per_second && !all_gauges) WarnNotGauge(context);
  series::FloatHistogram result = *now.histogram;
  if (!per_second || !Reset(before, now)) {
    if (!Combine(result.Sub(*before.histogram), "subtraction", context)) return {};
  }
  result.reset_hint = ResetHint::kGauge;
  result.Compact();
  if (per_second) result.Div(seconds);
  return {0, Share(std::move(result))};
}

template <bool kPerSecond>
Point InstantRate(const Window& window, WindowContext& context) {
  if (!window.histograms.times.empty())
    return InstantRateOfEither(Merged(window, context), context, kPerSecond);
  const std::size_t count = window.floats.times.size();
  if (count < 2) return {};
  const double before = window.floats.values[count - 2], now = window.floats.values[count - 1];
  const TimestampMs time_before = window.floats.times[count - 2],
                    time = window.floats.times[count - 1];
  const auto starts = Starts(window, context);
  const bool reset = now < before || (!starts.empty() && StartedAnew(starts[count - 2], time_before,
                                                                     starts[count - 1], time));
  const double change = kPerSecond && reset ? now : now - before;
  return {kPerSecond ? change / Seconds(time - time_before) : change};
}

// Counts the pairs of neighbours for which counts(before, now).
template <class Counts>
Point CountPairs(const Window& window, WindowContext& context, Counts counts) {
  const std::vector<Either> samples = Merged(window, context);
  std::size_t first = 0;
  if (context.range.anchored) {
    while (first < samples.size() && samples[first].time <= window.start) ++first;
    if (first == samples.size()) return {};
    if (first > 0) --first;
  }
  double count = 0;
  for (std::size_t i = first + 1; i < samples.size(); ++i)
    count += counts(samples[i - 1], samples[i]) ? 1 : 0;
  return {count};
}

bool Changed(const Either& before, const Either& now) {
  if ((before.histogram == nullptr) != (now.histogram == nullptr)) return true;
  if (now.histogram != nullptr) return !now.histogram->Equals(*before.histogram);
  return now.value != before.value && !(std::isnan(now.value) && std::isnan(before.value));
}

Point Changes(const Window& window, WindowContext& context) {
  return CountPairs(window, context, Changed);
}
Point Resets(const Window& window, WindowContext& context) {
  return CountPairs(window, context, Reset);
}

struct Line {
  double slope = 0;
  double intercept = 0;
};

// Least squares, with the intercept at `at`.
Line Regression(const RangeSeries::Floats& floats, TimestampMs at) {
  const auto values = floats.values;
  if (std::all_of(values.begin(), values.end(), [&](double v) { return v == values[0]; })) {
    if (std::isinf(values[0])) return {series::OrdinaryNan(), series::OrdinaryNan()};
    return {0, values[0]};
  }
  double x_sum = 0, x_lost = 0, y_sum = 0, y_lost = 0, xy_sum = 0, xy_lost = 0, xx_sum = 0,
         xx_lost = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double x = Seconds(floats.times[i] - at);
    KahanAdd(x, x_sum, x_lost);
    KahanAdd(values[i], y_sum, y_lost);
    KahanAdd(x * values[i], xy_sum, xy_lost);
    KahanAdd(x * x, xx_sum, xx_lost);
  }
  const double n = static_cast<double>(values.size());
  const double x = x_sum + x_lost, y = y_sum + y_lost, xy = xy_sum + xy_lost, xx = xx_sum + xx_lost;
  const double slope = (xy - x * y / n) / (xx - x * x / n);
  return {slope, y / n - slope * x / n};
}

bool HasTwoFloats(const Window& window, WindowContext& context) {
  if (!window.floats.times.empty() && !window.histograms.times.empty()) {
    context.notes().InfoHistogramIgnoredInRange(context.metric(), context.where);
  }
  return window.floats.times.size() >= 2;
}

Point Deriv(const Window& window, WindowContext& context) {
  if (!HasTwoFloats(window, context)) return {};
  return {Regression(window.floats, window.floats.times.front()).slope};
}

Point PredictLinear(const Window& window, WindowContext& context) {
  if (!HasTwoFloats(window, context)) return {};
  const Line line = Regression(window.floats, window.time);
  return {line.slope * context.scalars[0] + line.intercept};
}

// A counter that only rises gives its last value less its first one, so two rows do for all series
// of a matrix.
template <bool kPerSecond>
void RateOfMatrix(const series::MatrixPart& part, const RangeVector& range, TimestampMs end,
                  std::span<double> values, std::vector<std::uint32_t>& left) {
  if (part.rows < 2) return;
  const double sampled = Seconds(part.last_time - part.first_time);
  const double interval = sampled / static_cast<double>(part.rows - 1);
  const double to_start = Seconds(part.first_time - (end - range.range));
  const double to_end = Seconds(end - part.last_time);
  const double range_seconds = static_cast<double>(range.range) / 1000;
  for (std::uint32_t i = 0; i < values.size(); ++i) {
    if (!part.Rises(i)) {
      left.push_back(i);
      continue;
    }
    const std::uint32_t column = part.columns[i];
    const double first = part.first_row[column];
    const double result = part.last_row[column] - first;
    const double factor = Extrapolated(result, sampled, to_start, to_end, interval, first, true);
    values[i] = result * (kPerSecond ? factor / range_seconds : factor);
  }
}

constexpr Function kFunctions[] = {
    {"changes", {kMatrix}, 0, kVector, Over<Changes>},
    {"delta", {kMatrix}, 0, kVector, Over<Rate<false, false>>},
    {"deriv", {kMatrix}, 0, kVector, Over<Deriv>},
    {"idelta", {kMatrix}, 0, kVector, Over<InstantRate<false>>},
    {"increase", {kMatrix}, 0, kVector, Over<Rate<true, false>, RateOfMatrix<false>>},
    {"irate", {kMatrix}, 0, kVector, Over<InstantRate<true>>},
    {"predict_linear", {kMatrix, kScalar}, 0, kVector, Over<PredictLinear>, kStepDependent},
    {"rate", {kMatrix}, 0, kVector, Over<Rate<true, true>, RateOfMatrix<true>>},
    {"resets", {kMatrix}, 0, kVector, Over<Resets>},
};

}  // namespace

std::span<const Function> RateFunctions() { return kFunctions; }

}  // namespace tierwatch::promql
