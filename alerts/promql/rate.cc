#include "alerts/promql/rate.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "alerts/promql/histogram_element.h"
#include "base/labels.h"

namespace tierwatch::promql {
namespace {

using series::FloatHistogram;
using series::ResetHint;

// What a window of histograms has in common with its sample at i.
std::span<const TimestampMs> Starts(const Window& window, const WindowContext& context) {
  return context.evaluator.options().use_start_timestamps ? window.histograms.starts
                                                          : std::span<const TimestampMs>();
}

bool ResetAt(const Window& window, std::span<const TimestampMs> starts, std::size_t i,
             const FloatHistogram& before) {
  const auto times = window.histograms.times;
  if (!starts.empty() && StartedAnew(starts[i - 1], times[i - 1], starts[i], times[i])) return true;
  return window.histograms.values[i]->DetectReset(before);
}

// The least schema of all samples whose layout matters; none, and a warning, where exponential
// meets custom.
std::optional<int> LeastSchema(const Window& window, const FloatHistogram& first, bool counter,
                               WindowContext& context) {
  const auto values = window.histograms.values;
  const FloatHistogram& last = *values.back();
  bool mixed = last.UsesCustomBuckets() != first.UsesCustomBuckets();
  int least = std::min(first.schema, last.schema);
  for (std::size_t i = 1; counter && i + 1 < values.size(); ++i) {
    if (values[i]->reset_hint == ResetHint::kGauge) WarnNotCounter(context);
    least = std::min(least, values[i]->schema);
    mixed = mixed || values[i]->UsesCustomBuckets() != first.UsesCustomBuckets();
  }
  if (!mixed) return least;
  context.notes().WarnMixedSchemas(context.metric(), context.where);
  return std::nullopt;
}

// Adds what was counted before each reset.
bool AddResets(const Window& window, std::span<const TimestampMs> starts,
               const FloatHistogram* before, FloatHistogram& result, WindowContext& context) {
  const auto times = window.histograms.times;
  bool overlap = false;
  for (std::size_t i = 1; i < times.size(); ++i) {
    if (!overlap && !starts.empty() && StartsOverlap(starts[i - 1], times[i - 1], starts[i])) {
      WarnOverlap(context);
      overlap = true;
    }
    if (ResetAt(window, starts, i, *before) && !Combine(result.Add(*before), "addition", context))
      return false;
    before = window.histograms.values[i].get();
  }
  return true;
}

// The change from the first to the last of at least two histograms.
std::optional<FloatHistogram> Change(const Window& window, std::span<const TimestampMs> starts,
                                     bool counter, WindowContext& context) {
  const auto values = window.histograms.values;
  const FloatHistogram& last = *values.back();
  FloatHistogram first = *values.front();
  const bool first_gauge = first.reset_hint == ResetHint::kGauge,
             last_gauge = last.reset_hint == ResetHint::kGauge;
  if (counter && (first_gauge || last_gauge)) WarnNotCounter(context);
  if (counter && ResetAt(window, starts, 1, first)) {
    // The first sample is of a counter that is gone: its layout doesn't matter.
    first = FloatHistogram();
    first.schema = values[1]->schema;
    first.custom_bounds = values[1]->custom_bounds;
  }
  const std::optional<int> schema = LeastSchema(window, first, counter, context);
  if (!schema) return std::nullopt;
  FloatHistogram result = last;
  if (*schema != result.schema) result.ReduceResolution(*schema);
  if (!Combine(result.Sub(first), "subtraction", context)) return std::nullopt;
  if (counter && !AddResets(window, starts, &first, result, context)) return std::nullopt;
  if (!counter && !(first_gauge && last_gauge)) WarnNotGauge(context);
  result.reset_hint = ResetHint::kGauge;
  result.Compact();
  return result;
}

}  // namespace

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
  const std::string metric =
      context.metric().empty() ? "" : " for metric " + Quote(context.metric());
  context.notes().Warn(
      "PromQL warning: sample has start time that overlaps with previous sample timestamp" + metric,
      context.where);
}

void WarnNotCounter(WindowContext& context) {
  context.notes().Warn(
      "PromQL warning: this native histogram metric is not a counter: " + Quote(context.metric()),
      context.where);
}

void WarnNotGauge(WindowContext& context) {
  context.notes().Warn(
      "PromQL warning: this native histogram metric is not a gauge: " + Quote(context.metric()),
      context.where);
}

// Counter resets are seen to by the caller, so a collision of hints is nothing to tell.
bool Combine(const series::CombineInfo& info, std::string_view operation, WindowContext& context) {
  if (info.incompatible) context.notes().WarnMixedSchemas(context.metric(), context.where);
  if (info.bounds_reconciled) context.notes().InfoReconciled(operation, context.where);
  return !info.incompatible;
}

Point RateOfHistograms(const Window& window, WindowContext& context, bool counter,
                       bool per_second) {
  const auto values = window.histograms.values;
  const auto times = window.histograms.times;
  const auto starts = Starts(window, context);
  std::optional<FloatHistogram> result;
  if (values.size() > 1) {
    result = Change(window, starts, counter, context);
    if (!result) return {};
  }
  const double intervals = static_cast<double>(values.size() - 1);
  double sampled = Seconds(times.back() - times.front());
  const double interval = intervals > 0 ? sampled / intervals : 0;
  double to_end = Seconds(window.end - times.back());
  double factor = 1;
  if (counter && !starts.empty() && starts[0] != 0 && starts[0] > window.start &&
      starts[0] < times[0]) {
    // It began inside of the window: it was empty then, nothing needs to be guessed on the left.
    sampled = Seconds(times.back() - starts[0]);
    if (result && !Combine(result->Add(*values.front()), "addition", context)) return {};
    if (!result) result = *values.front();
    if (to_end >= interval * 1.1) to_end = interval / 2;
    factor = (sampled + to_end) / sampled;
  } else if (!result) {
    return {};
  } else {
    factor = Extrapolated(result->count, sampled, Seconds(times.front() - window.start), to_end,
                          interval, values.front()->count, counter);
  }
  result->Mul(per_second ? factor / context.range_seconds() : factor);
  return {0, Share(std::move(*result))};
}

}  // namespace tierwatch::promql
