// Change over time: rate, increase, delta and their like. Source of the semantics: Prometheus 3.14,
// promql/functions.go.
#include <algorithm>
#include <cmath>

#include "alerts/promql/window.h"

namespace tierwatch::promql {
namespace {

using enum ValueType;

struct Kind {
  bool counter;
  bool per_second;
};

double Seconds(TimestampMs millis) { return static_cast<double>(millis) / 1000; }

// True where the start time of a sample says that the counter began anew since the sample before.
bool StartedAnew(TimestampMs start_before, TimestampMs before, TimestampMs start, TimestampMs now) {
  if (start == 0 || start >= now || start < before) return false;
  if (start > before) return true;
  // It began at the very sample before: a reset for deltas, whose start times are known, but not
  // for a counter whose start is unknown.
  return start_before <= before && start_before != 0 && start_before != before;
}

bool StartsOverlap(TimestampMs start_before, TimestampMs before, TimestampMs start) {
  return start != 0 && start < before && start != start_before;
}

void WarnOverlap(WindowContext& context) {
  context.notes().Warn(
      "PromQL warning: sample has start time that overlaps with previous sample timestamp" +
          ForMetric(context.metric()),
      context.where);
}

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

// How far the series is taken to go on beyond its outermost samples: to the edge of the window
// where that is near, else half a sampling interval; a counter never to where it would have been
// below zero.
double Extrapolated(double result, double sampled, double to_start, double to_end, double interval,
                    double first, bool counter) {
  const double threshold = interval * 1.1;
  if (to_start >= threshold) to_start = interval / 2;
  if (counter && result > 0 && first >= 0)
    to_start = std::min(to_start, sampled * (first / result));
  if (to_end >= threshold) to_end = interval / 2;
  return sampled == 0 ? 1 : (sampled + to_start + to_end) / sampled;
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

double Interpolated(const Window& window, std::size_t before, TimestampMs at, bool counter) {
  const double from = window.floats.values[before], to = window.floats.values[before + 1];
  const double start = counter && to < from ? 0 : from;  // a reset: it counted up from zero
  const auto time = [&](std::size_t i) { return window.floats.times[i]; };
  return start + (to - start) * static_cast<double>(at - time(before)) /
                     static_cast<double>(time(before + 1) - time(before));
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
  const double left =
      cut_left ? Interpolated(window, first, window.start, kind.counter) : values[first];
  const double right =
      cut_right ? Interpolated(window, last - 1, window.end, kind.counter) : values[last];
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

template <bool kCounter, bool kPerSecond>
Point Rate(const Window& window, WindowContext& context) {
  const Kind kind{kCounter, kPerSecond};
  if (!window.histograms.times.empty()) {
    if (!window.floats.times.empty())
      return context.notes().WarnMixed(context.metric(), context.where), Point{};
    return context.Unsupported("rate of native histograms");
  }
  const bool extended = context.range.anchored || context.range.smoothed;
  return extended ? ExtendedRate(window, context, kind) : RateOfFloats(window, context, kind);
}

template <bool kPerSecond>
Point InstantRate(const Window& window, WindowContext& context) {
  if (!window.histograms.times.empty()) return context.Unsupported("irate of native histograms");
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

// The samples that changes() and resets() compare: those in the window, and for anchored the one
// that it starts from.
std::size_t FirstCompared(const Window& window, const WindowContext& context) {
  if (!context.range.anchored) return 0;
  const auto times = window.floats.times;
  const auto after = static_cast<std::size_t>(
      std::upper_bound(times.begin(), times.end(), window.start) - times.begin());
  if (after == times.size()) return after;
  return after == 0 ? 0 : after - 1;
}

template <class Counts>
Point CountPairs(const Window& window, WindowContext& context, std::string_view name,
                 Counts counts) {
  if (!window.histograms.times.empty())
    return context.Unsupported(std::string(name) + " of native histograms");
  const std::size_t first = FirstCompared(window, context);
  if (first >= window.floats.times.size()) return {};
  double count = 0;
  for (std::size_t i = first + 1; i < window.floats.times.size(); ++i) count += counts(i) ? 1 : 0;
  return {count};
}

Point Changes(const Window& window, WindowContext& context) {
  const auto values = window.floats.values;
  return CountPairs(window, context, "changes", [&](std::size_t i) {
    return values[i] != values[i - 1] && !(std::isnan(values[i]) && std::isnan(values[i - 1]));
  });
}

Point Resets(const Window& window, WindowContext& context) {
  const auto values = window.floats.values;
  const auto times = window.floats.times;
  const auto starts = Starts(window, context);
  return CountPairs(window, context, "resets", [&](std::size_t i) {
    return values[i] < values[i - 1] ||
           (!starts.empty() && StartedAnew(starts[i - 1], times[i - 1], starts[i], times[i]));
  });
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

constexpr Function kFunctions[] = {
    {"changes", {kMatrix}, 0, kVector, Over<Changes>},
    {"delta", {kMatrix}, 0, kVector, Over<Rate<false, false>>},
    {"deriv", {kMatrix}, 0, kVector, Over<Deriv>},
    {"idelta", {kMatrix}, 0, kVector, Over<InstantRate<false>>},
    {"increase", {kMatrix}, 0, kVector, Over<Rate<true, false>>},
    {"irate", {kMatrix}, 0, kVector, Over<InstantRate<true>>},
    {"predict_linear", {kMatrix, kScalar}, 0, kVector, Over<PredictLinear>, kStepDependent},
    {"rate", {kMatrix}, 0, kVector, Over<Rate<true, true>>},
    {"resets", {kMatrix}, 0, kVector, Over<Resets>},
};

}  // namespace

std::span<const Function> RateFunctions() { return kFunctions; }

}  // namespace tierwatch::promql
