#include "alerts/promql/extended.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "alerts/promql/histogram_element.h"
#include "alerts/promql/rate.h"
#include "alerts/series/float_histogram.h"

namespace tierwatch::promql {
namespace {

using series::FloatHistogram;
using series::ResetHint;

// The part of a window between its edges, as Prometheus chooses it: the first sample is the last
// one at or before the start where there is one; of a smoothed window the last sample is the first
// one at or behind the end.
struct Part {
  std::size_t first = 0;
  std::size_t last = 0;
  bool empty = false;
};

Part Choose(std::span<const TimestampMs> times, const Window& window, bool smoothed) {
  const auto search = [&](auto found) {
    return static_cast<std::size_t>(std::find_if(times.begin(), times.end() - 1, found) -
                                    times.begin());
  };
  Part part;
  part.first = search([&](TimestampMs t) { return t > window.start; });
  if (part.first > 0) --part.first;
  part.last = smoothed ? search([&](TimestampMs t) { return t >= window.end; }) : times.size() - 1;
  part.empty = times[part.last] <= window.start || (smoothed && times[part.first] > window.end);
  return part;
}

bool Valid(std::span<const HistogramPtr> values, const Part& part, bool counter,
           WindowContext& context) {
  for (std::size_t i = part.first; i <= part.last; ++i) {
    if (values[i]->UsesCustomBuckets() != values[part.first]->UsesCustomBuckets()) {
      context.notes().WarnMixedSchemas(context.metric(), context.where);
      return false;
    }
    if (counter && values[i]->reset_hint == ResetHint::kGauge) WarnNotCounter(context);
  }
  return true;
}

// Adds what was counted before each reset between the edges. The samples next to the edges are
// represented by them.
bool AddResets(const Window& window, const Part& part, const FloatHistogram& left,
               const FloatHistogram& right, bool smoothed, FloatHistogram& result,
               WindowContext& context) {
  const auto values = window.histograms.values;
  std::size_t next = part.first + 1;
  const FloatHistogram* before = &left;
  if (smoothed && part.first < part.last && window.histograms.times[part.first] < window.start &&
      values[part.first + 1]->DetectReset(*values[part.first])) {
    before = values[part.first + 1].get();  // the left edge lies behind that reset already
    ++next;
  }
  if (next > part.last) return true;
  FloatHistogram lost;
  bool any = false;
  const auto add = [&](const FloatHistogram& histogram) {
    if (any) return Combine(lost.Add(histogram), "addition", context);
    lost = histogram;
    return any = true;
  };
  for (std::size_t i = next; i < part.last; ++i) {
    if (values[i]->DetectReset(*before) && !add(*before)) return false;
    before = values[i].get();
  }
  if (right.DetectReset(*before) && !add(*before)) return false;
  return !any || Combine(result.Add(lost), "addition", context);
}

}  // namespace

double Interpolated(TimestampMs before, double from, TimestampMs after, double to, TimestampMs at,
                    bool counter) {
  const double start = counter && to < from ? 0 : from;
  return start +
         (to - start) * static_cast<double>(at - before) / static_cast<double>(after - before);
}

HistogramPtr Interpolated(TimestampMs before, const HistogramPtr& from, TimestampMs after,
                          const HistogramPtr& to, TimestampMs at, bool counter, Annotations& notes,
                          std::string_view metric, const Place& where) {
  if (at == before) return from;
  if (at == after) return to;
  const double fraction = static_cast<double>(at - before) / static_cast<double>(after - before);
  FloatHistogram result = *to;
  if (counter && to->DetectReset(*from)) {
    result.Mul(fraction);
    return Share(std::move(result));
  }
  const series::CombineInfo down = result.Sub(*from);
  if (down.incompatible) return notes.WarnMixedSchemas(metric, where), nullptr;
  if (down.bounds_reconciled) notes.InfoReconciled("subtraction", where);
  result.Mul(fraction);
  const series::CombineInfo up = result.Add(*from);
  if (up.incompatible) return notes.WarnMixedSchemas(metric, where), nullptr;
  if (up.bounds_reconciled) notes.InfoReconciled("addition", where);
  return Share(std::move(result));
}

std::vector<std::pair<TimestampMs, double>> ExtendedFloats(const RangeSeries::Floats& floats,
                                                           TimestampMs start, TimestampMs end,
                                                           bool smoothed) {
  std::vector<std::pair<TimestampMs, double>> points;
  const auto& [times, values, starts] = floats;
  if (times.empty()) return points;
  Window window;
  window.start = start;
  window.end = end;
  const Part part = Choose(times, window, smoothed);
  if (times[part.last] <= start) return points;
  const auto between = [&](std::size_t i, TimestampMs at) {
    return Interpolated(times[i], values[i], times[i + 1], values[i + 1], at, false);
  };
  const bool cut_left = smoothed && times[part.first] < start && part.first < times.size() - 1;
  const bool cut_right = smoothed && part.last > 0 && times[part.last] > end;
  points.emplace_back(start, cut_left ? between(part.first, start) : values[part.first]);
  for (std::size_t i = part.first; i <= part.last; ++i) {
    if (times[i] > start && times[i] < end) points.emplace_back(times[i], values[i]);
  }
  points.emplace_back(end, cut_right ? between(part.last - 1, end) : values[part.last]);
  return points;
}

Point ExtendedRateOfHistograms(const Window& window, WindowContext& context, bool counter,
                               bool per_second) {
  const auto times = window.histograms.times;
  const auto values = window.histograms.values;
  const bool smoothed = context.range.smoothed;
  const Part part = Choose(times, window, smoothed);
  if (part.empty || !Valid(values, part, counter, context)) return {};
  const auto between = [&](std::size_t i, TimestampMs at) {
    return Interpolated(times[i], values[i], times[i + 1], values[i + 1], at, counter,
                        context.notes(), context.metric(), context.where);
  };
  const bool cut_left = smoothed && times[part.first] < window.start;
  const bool cut_right = smoothed && part.last > 0 && times[part.last] > window.end;
  const HistogramPtr left = cut_left ? between(part.first, window.start) : values[part.first];
  if (!left) return {};
  const HistogramPtr right = cut_right ? between(part.last - 1, window.end) : values[part.last];
  if (!right) return {};
  const bool gauges =
      left->reset_hint == ResetHint::kGauge && right->reset_hint == ResetHint::kGauge;
  if (!counter && !gauges) WarnNotGauge(context);
  FloatHistogram result = *right;
  if (!Combine(result.Sub(*left), "subtraction", context)) return {};
  if (counter && !AddResets(window, part, *left, *right, smoothed, result, context)) return {};
  if (per_second) result.Div(context.range_seconds());
  result.reset_hint = ResetHint::kGauge;
  result.Compact();
  return {0, Share(std::move(result))};
}

}  // namespace tierwatch::promql
