// Selectors and subqueries: from the storage's samples to vectors.
#include <algorithm>
#include <deque>
#include <utility>

#include "alerts/promql/evaluator.h"
#include "alerts/promql/extended.h"
#include "alerts/promql/histogram_element.h"

namespace tierwatch::promql {
namespace {

using series::SeriesSamples;

// Samples that had to be copied for a range vector.
struct Copies {
  std::deque<std::vector<TimestampMs>> times;
  std::deque<std::vector<double>> values;
  std::deque<std::vector<HistogramPtr>> histograms;
};

bool IsHistogram(const SeriesSamples& samples, std::size_t i) {
  return !samples.histograms.empty() && samples.histograms[i] != nullptr;
}

bool IsMarker(const SeriesSamples& samples, std::size_t i) {
  return !IsHistogram(samples, i) && series::IsStale(samples.values[i]);
}

// Without staleness markers, and floats and histograms apart. Most series have neither markers nor
// histograms and are not copied.
RangeSeries ToRange(const SeriesSamples& samples, Copies& copies) {
  RangeSeries range{*samples.labels};
  const bool plain = samples.histograms.empty() &&
                     std::none_of(samples.values.begin(), samples.values.end(), series::IsStale);
  if (plain) {
    range.floats = {samples.times, samples.values, samples.start_times};
    return range;
  }
  auto& float_times = copies.times.emplace_back();
  auto& float_starts = copies.times.emplace_back();
  auto& histogram_times = copies.times.emplace_back();
  auto& histogram_starts = copies.times.emplace_back();
  auto& values = copies.values.emplace_back();
  auto& histograms = copies.histograms.emplace_back();
  const bool starts = !samples.start_times.empty();
  for (std::size_t i = 0; i < samples.times.size(); ++i) {
    if (IsMarker(samples, i)) continue;
    const bool histogram = IsHistogram(samples, i);
    (histogram ? histogram_times : float_times).push_back(samples.times[i]);
    if (starts) (histogram ? histogram_starts : float_starts).push_back(samples.start_times[i]);
    if (histogram) {
      histograms.push_back(samples.histograms[i]);
    } else {
      values.push_back(samples.values[i]);
    }
  }
  range.floats = {float_times, values, float_starts};
  range.histograms = {histogram_times, histograms, histogram_starts};
  return range;
}

// A subquery's results may leave out samples between them: what the hint says of the sample before
// is no longer true.
HistogramPtr WithoutHint(const HistogramPtr& histogram) {
  using series::ResetHint;
  const bool told =
      histogram->reset_hint == ResetHint::kReset || histogram->reset_hint == ResetHint::kNotReset;
  if (!told) return histogram;
  return Changed(*histogram, [](auto& copy) { copy.reset_hint = ResetHint::kUnknown; });
}

RangeSeries ToRange(const StepSeries& series, const Steps& steps, Copies& copies) {
  RangeSeries range{series.labels, series.drop_name};
  auto& float_times = copies.times.emplace_back();
  auto& histogram_times = copies.times.emplace_back();
  auto& values = copies.values.emplace_back();
  auto& histograms = copies.histograms.emplace_back();
  for (std::size_t step = 0; step < steps.count; ++step) {
    if (!series.Has(step)) continue;
    if (const HistogramPtr& histogram = series.Histogram(step)) {
      histogram_times.push_back(steps.At(step));
      histograms.push_back(WithoutHint(histogram));
    } else {
      float_times.push_back(steps.At(step));
      values.push_back(series.values[step]);
    }
  }
  range.floats = {float_times, values, {}};
  range.histograms = {histogram_times, histograms, {}};
  return range;
}

// Takes the buckets out of histograms; whether there was a reset is settled before, while they can
// still tell.
void KeepCounts(series::Selection& selection) {
  struct Owner {
    std::shared_ptr<const void> samples;
    std::deque<std::vector<HistogramPtr>> histograms;
  };
  auto owner = std::make_shared<Owner>();
  for (SeriesSamples& samples : selection.series) {
    if (samples.histograms.empty()) continue;
    auto& counts = owner->histograms.emplace_back();
    const series::FloatHistogram* before = nullptr;
    for (const HistogramPtr& histogram : samples.histograms) {
      counts.emplace_back();
      if (!histogram) continue;
      series::FloatHistogram count;
      count.schema = histogram->schema;
      count.count = histogram->count;
      count.sum = histogram->sum;
      count.reset_hint = histogram->SettledHint(before);
      counts.back() = Share(std::move(count));
      before = histogram.get();
    }
    samples.histograms = counts;
  }
  owner->samples = std::move(selection.owner);
  selection.owner = owner;
}

bool Fixed(const TimeShift& shift) { return shift.at == TimeShift::At::kTime; }

TimestampMs Shifted(const TimeShift& shift, TimestampMs time) {
  return (Fixed(shift) ? shift.time : time) - shift.offset.value.count();
}

double Given(Evaluator::Give give, const SeriesSamples& samples, std::size_t i) {
  switch (give) {
    case Evaluator::Give::kTime:
      return static_cast<double>(samples.times[i]) / 1000;
    case Evaluator::Give::kStartTime:
      return samples.start_times.empty() ? 0 : static_cast<double>(samples.start_times[i]) / 1000;
    case Evaluator::Give::kValue:
      break;
  }
  return samples.values[i];
}

}  // namespace

Result<series::Selection> Evaluator::Select(const VectorSelector& selector, TimestampMs from,
                                            TimestampMs to) {
  Result<series::Selection> selection = query_.storage.Select(selector.matchers, from, to);
  if (!selection.ok()) return std::move(selection).error().In("expanding series");
  if (selection->series.size() > query_.options.max_samples / steps_.count) return TooManySamples();
  if (selector.only_counts) KeepCounts(*selection);
  return selection;
}

Result<StepVector> Evaluator::SelectInstant(const VectorSelector& selector, Give give) {
  const TimestampMs lookback = query_.options.lookback.count();
  const Result<series::Selection> selection =
      Select(selector, Shifted(selector.shift, steps_.start) - lookback + 1,
             Shifted(selector.shift, steps_.Last()));
  if (!selection.ok()) return selection.error();
  StepVector vector;
  for (const SeriesSamples& samples : selection->series) {
    StepSeries series = NewSeries(*samples.labels);
    bool any = false;
    std::size_t next = 0;
    for (std::size_t step = 0; step < steps_.count; ++step) {
      const TimestampMs time = Shifted(selector.shift, steps_.At(step));
      while (next < samples.times.size() && samples.times[next] <= time) ++next;
      if (next == 0 || samples.times[next - 1] <= time - lookback || IsMarker(samples, next - 1))
        continue;
      any = true;
      if (give == Give::kValue && IsHistogram(samples, next - 1)) {
        series.Set(step, {0, samples.histograms[next - 1]});
      } else {
        series.Set(step, {Given(give, samples, next - 1)});
      }
    }
    if (any) vector.push_back(std::move(series));
  }
  return vector;
}

Result<RangeVector> Evaluator::SelectRange(const MatrixSelector& node) {
  const VectorSelector& selector = node.vector;
  RangeVector range;
  range.range = node.range.value.count();
  range.offset = selector.shift.offset.value.count();
  range.fixed = Fixed(selector.shift);
  range.fixed_time = selector.shift.time;
  range.anchored = selector.anchored;
  range.smoothed = selector.smoothed;
  const TimestampMs lookback = query_.options.lookback.count();
  const TimestampMs before = range.anchored || range.smoothed ? lookback : 0;
  const TimestampMs after = range.smoothed ? lookback : 0;
  Result<series::Selection> selection =
      Select(selector, range.End(steps_.start) - range.range - before + 1,
             range.End(steps_.Last()) + after);
  if (!selection.ok()) return selection.error();
  auto copies = std::make_shared<Copies>();
  for (const SeriesSamples& samples : selection->series)
    range.series.push_back(ToRange(samples, *copies));
  range.owners = {selection->owner, copies};
  return range;
}

Result<RangeVector> Evaluator::RunSubquery(const Subquery& node) {
  RangeVector range;
  range.range = node.range.value.count();
  range.offset = node.shift.offset.value.count();
  range.fixed = Fixed(node.shift);
  range.fixed_time = node.shift.time;
  const std::int64_t interval = node.step.value.count() > 0
                                    ? node.step.value.count()
                                    : query_.options.no_step_subquery_interval.count();
  const TimestampMs before_first = range.End(steps_.start) - range.range;
  const TimestampMs last = range.End(steps_.Last());
  // The grid is aligned to absolute time, its first point behind the open left end.
  TimestampMs first = interval * (before_first / interval);
  if (first <= before_first) first += interval;
  if (first > last) return range;
  Evaluator inner(query_,
                  Steps{first, interval, static_cast<std::size_t>((last - first) / interval) + 1});
  Result<StepVector> vector = inner.Vector(*node.expr);
  if (!vector.ok()) return vector.error();
  auto copies = std::make_shared<Copies>();
  for (const StepSeries& series : *vector)
    range.series.push_back(ToRange(series, inner.steps_, *copies));
  range.owners = {copies};
  return range;
}

// One series interpolated at the time of one step; the value before where there is none behind.
Point Evaluator::SmoothedAt(const RangeSeries& range, TimestampMs time, const Place& where) {
  const TimestampMs lookback = query_.options.lookback.count();
  // The samples in (time - lookback, time + lookback].
  const auto around = [&](std::span<const TimestampMs> times) {
    const auto begin =
        std::upper_bound(times.begin(), times.end(), time - lookback) - times.begin();
    const auto end = std::upper_bound(times.begin(), times.end(), time + lookback) - times.begin();
    return std::pair(static_cast<std::size_t>(begin), static_cast<std::size_t>(end));
  };
  const auto behind = [&](std::span<const TimestampMs> times) {
    return static_cast<std::size_t>(std::lower_bound(times.begin(), times.end(), time) -
                                    times.begin());
  };
  const auto [float_begin, float_end] = around(range.floats.times);
  const auto [histogram_begin, histogram_end] = around(range.histograms.times);
  const std::string_view metric = range.labels.Get(kMetricName);
  if (float_begin < float_end && histogram_begin < histogram_end)
    return notes().WarnMixed(metric, where), Point{};
  if (float_begin < float_end) {
    const auto& [times, values, starts] = range.floats;
    const std::size_t i = behind(times);
    if (i < float_end && times[i] == time) return {values[i]};
    if (i == float_begin) return {};
    if (i == float_end) return {values[i - 1]};
    return {Interpolated(times[i - 1], values[i - 1], times[i], values[i], time, false)};
  }
  if (histogram_begin == histogram_end) return {};
  const auto& [times, values, starts] = range.histograms;
  const std::size_t i = behind(times);
  if (i < histogram_end && times[i] == time) return {0, values[i]};
  if (i == histogram_begin) return {};
  if (i == histogram_end) {
    return {0, Changed(*values[i - 1],
                       [](auto& copy) { copy.reset_hint = series::ResetHint::kUnknown; })};
  }
  if (values[i - 1]->UsesCustomBuckets() != values[i]->UsesCustomBuckets()) {
    return notes().WarnMixedSchemas(metric, where), Point{};
  }
  using series::ResetHint;
  const bool counter =
      values[i - 1]->reset_hint != ResetHint::kGauge || values[i]->reset_hint != ResetHint::kGauge;
  HistogramPtr histogram = Interpolated(times[i - 1], values[i - 1], times[i], values[i], time,
                                        counter, notes(), metric, where);
  return histogram ? Point{0, std::move(histogram)} : Point{};
}

Result<StepVector> Evaluator::Smoothed(const VectorSelector& selector, const Place& where) {
  const TimestampMs lookback = query_.options.lookback.count();
  const Result<series::Selection> selection =
      Select(selector, Shifted(selector.shift, steps_.start) - lookback + 1,
             Shifted(selector.shift, steps_.Last()) + lookback);
  if (!selection.ok()) return selection.error();
  Copies copies;
  StepVector vector;
  for (const SeriesSamples& samples : selection->series) {
    const RangeSeries series = ToRange(samples, copies);
    StepSeries out = NewSeries(series.labels);
    for (std::size_t step = 0; step < steps_.count; ++step) {
      out.Set(step, SmoothedAt(series, Shifted(selector.shift, steps_.At(step)), where));
    }
    if (!out.Empty()) vector.push_back(std::move(out));
  }
  return vector;
}

}  // namespace tierwatch::promql
