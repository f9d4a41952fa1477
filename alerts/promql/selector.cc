// Selectors and subqueries: from the storage's samples to vectors.
#include <algorithm>
#include <memory>
#include <utility>

#include "alerts/promql/evaluator.h"
#include "alerts/promql/extended.h"
#include "alerts/promql/histogram_element.h"

namespace tierwatch::promql {
namespace {

using series::SampleBuffer;
using series::SeriesSamples;
using series::TimeRange;

bool IsHistogram(const SeriesSamples& samples, std::size_t i) {
  return !samples.histograms.empty() && samples.histograms[i] != nullptr;
}

bool IsMarker(const SeriesSamples& samples, std::size_t i) {
  return !IsHistogram(samples, i) && series::IsStale(samples.values[i]);
}

// Takes the buckets out of histograms; whether there was a reset is settled before, while they can
// still tell.
std::span<const HistogramPtr> KeepCounts(std::span<const HistogramPtr> histograms,
                                         std::vector<HistogramPtr>& counts) {
  counts.clear();
  const series::FloatHistogram* before = nullptr;
  for (const HistogramPtr& histogram : histograms) {
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
  return counts;
}

// The samples of a selector, without staleness markers, and floats and histograms apart. Most
// series have neither markers nor histograms and are not copied.
class SelectedSamples final : public RangeSource {
 public:
  SelectedSamples(std::unique_ptr<series::Window> window, bool only_counts)
      : window_(std::move(window)), only_counts_(only_counts) {}

  std::span<const series::MatrixPart> parts() const override { return window_->parts(); }
  RangeSeries At(std::size_t i, RangeScratch& scratch) const override {
    SeriesSamples samples = window_->At(i, scratch.raw);
    RangeSeries range;
    if (samples.histograms.empty() && std::ranges::none_of(samples.values, series::IsStale)) {
      range.floats = {samples.times, samples.values, samples.start_times};
      return range;
    }
    std::vector<HistogramPtr> counts;
    if (only_counts_) samples.histograms = KeepCounts(samples.histograms, counts);
    Split(samples, scratch, range);
    return range;
  }

 private:
  static void Split(const SeriesSamples& samples, RangeScratch& scratch, RangeSeries& range) {
    auto& [float_times, float_starts, histogram_times, histogram_starts] = scratch.times;
    for (auto& column : scratch.times) column.clear();
    scratch.values.clear();
    scratch.histograms.clear();
    const bool starts = !samples.start_times.empty();
    for (std::size_t i = 0; i < samples.times.size(); ++i) {
      if (IsMarker(samples, i)) continue;
      const bool histogram = IsHistogram(samples, i);
      (histogram ? histogram_times : float_times).push_back(samples.times[i]);
      if (starts) (histogram ? histogram_starts : float_starts).push_back(samples.start_times[i]);
      if (histogram) {
        scratch.histograms.push_back(samples.histograms[i]);
      } else {
        scratch.values.push_back(samples.values[i]);
      }
    }
    range.floats = {float_times, scratch.values, float_starts};
    range.histograms = {histogram_times, scratch.histograms, histogram_starts};
  }

  const std::unique_ptr<series::Window> window_;
  const bool only_counts_;
};

// A subquery's results may leave out samples between them: what the hint says of the sample before
// is no longer true.
HistogramPtr WithoutHint(const HistogramPtr& histogram) {
  using series::ResetHint;
  const bool told =
      histogram->reset_hint == ResetHint::kReset || histogram->reset_hint == ResetHint::kNotReset;
  if (!told) return histogram;
  return Changed(*histogram, [](auto& copy) { copy.reset_hint = ResetHint::kUnknown; });
}

// The results of a subquery as samples.
class ComputedSamples final : public RangeSource {
 public:
  ComputedSamples(StepVector vector, Steps steps) : vector_(std::move(vector)), steps_(steps) {}

  RangeSeries At(std::size_t i, RangeScratch& scratch) const override {
    for (auto& column : scratch.times) column.clear();
    scratch.values.clear();
    scratch.histograms.clear();
    for (std::size_t step = 0; step < steps_.count; ++step) {
      if (!vector_.Has(i, step)) continue;
      if (const HistogramPtr& histogram = vector_.Histogram(i, step)) {
        scratch.times[1].push_back(steps_.At(step));
        scratch.histograms.push_back(WithoutHint(histogram));
      } else {
        scratch.times[0].push_back(steps_.At(step));
        scratch.values.push_back(vector_.values[i * steps_.count + step]);
      }
    }
    RangeSeries range;
    range.floats = {scratch.times[0], scratch.values, {}};
    range.histograms = {scratch.times[1], scratch.histograms, {}};
    return range;
  }

 private:
  const StepVector vector_;
  const Steps steps_;
};

// The series of a selector that is asked again and again.
struct FoundSeries : Memo {
  series::SeriesListPtr list;
};

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

Result<series::SeriesListPtr> Evaluator::Find(const Expr* expr, const VectorSelector& selector,
                                              TimeRange range) {
  Result<series::SeriesListPtr> list = series::SeriesListPtr();
  if (expr != nullptr && query_.standing) {
    FoundSeries& memo = MemoOf<FoundSeries>(*expr);
    list = query_.view.Find(selector.matchers, nullptr, memo.list);
    if (list.ok()) memo.list = *list;
  } else {
    list = query_.view.Find(selector.matchers, &range, nullptr);
  }
  if (!list.ok()) return std::move(list).error().In("expanding series");
  if ((*list)->frame->size() > query_.options.max_samples / steps_.count) return TooManySamples();
  return list;
}

Result<StepVector> Evaluator::SelectInstant(const Expr* expr, const VectorSelector& selector,
                                            Give give) {
  const TimestampMs lookback = query_.options.lookback.count();
  const TimeRange range{Shifted(selector.shift, steps_.start) - lookback + 1,
                        Shifted(selector.shift, steps_.Last())};
  const Result<series::SeriesListPtr> list = Find(expr, selector, range);
  if (!list.ok()) return list.error();
  const auto window = query_.view.Read(*list, range);
  if (!window.ok()) return window.error();
  StepVector vector = NewVector((*list)->frame);
  SampleBuffer scratch;
  std::vector<HistogramPtr> counts;
  const auto fill = [&](std::size_t i) {
    SeriesSamples samples = (*window)->At(i, scratch);
    if (selector.only_counts && !samples.histograms.empty())
      samples.histograms = KeepCounts(samples.histograms, counts);
    std::size_t next = 0;
    for (std::size_t step = 0; step < steps_.count; ++step) {
      const TimestampMs time = Shifted(selector.shift, steps_.At(step));
      while (next < samples.times.size() && samples.times[next] <= time) ++next;
      if (next == 0 || samples.times[next - 1] <= time - lookback || IsMarker(samples, next - 1))
        continue;
      if (give == Give::kValue && IsHistogram(samples, next - 1)) {
        vector.Set(i, step, {0, samples.histograms[next - 1]});
      } else {
        vector.Set(i, step, {Given(give, samples, next - 1)});
      }
    }
  };
  std::size_t i = 0;
  if (at_one_step() && give == Give::kValue) {
    for (const series::MatrixPart& part : (*window)->parts()) {
      for (; i < part.first; ++i) fill(i);
      for (std::size_t k = 0; k < part.columns.size(); ++k, ++i) {
        const double value = part.Last(k);
        vector.values[i] = value;  // a marker says that there is none
        if (series::IsGap(value)) {
          vector.values[i] = Absent();
          fill(i);
        }
      }
    }
  }
  for (; i < vector.size(); ++i) {
    if (const auto error = Interrupted(i)) return *error;
    fill(i);
  }
  return vector;
}

Result<RangeVector> Evaluator::SelectRange(const Expr& expr, const MatrixSelector& node) {
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
  const TimeRange times{range.End(steps_.start) - range.range - before + 1,
                        range.End(steps_.Last()) + after};
  const Result<series::SeriesListPtr> list = Find(&expr, selector, times);
  if (!list.ok()) return list.error();
  auto window = query_.view.Read(*list, times);
  if (!window.ok()) return window.error();
  range.frame = (*list)->frame;
  range.source = std::make_shared<SelectedSamples>(std::move(window).value(), selector.only_counts);
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
  if (first > last) {
    range.frame = FrameBuilder(symbols()).Finish();
    range.source = std::make_shared<ComputedSamples>(NewVector(range.frame), steps_);
    return range;
  }
  const Steps grid{first, interval, static_cast<std::size_t>((last - first) / interval) + 1};
  Evaluator inner(query_, grid);
  Result<StepVector> vector = inner.Vector(*node.expr);
  if (!vector.ok()) return vector.error();
  range.frame = vector->frame;
  range.source = std::make_shared<ComputedSamples>(std::move(vector).value(), grid);
  return range;
}

// One series interpolated at the time of one step; the value before where there is none behind.
Point Evaluator::SmoothedAt(const RangeSeries& range, std::string_view metric, TimestampMs time,
                            const Place& where) {
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

Result<StepVector> Evaluator::Smoothed(const Expr& expr, const VectorSelector& selector) {
  const TimestampMs lookback = query_.options.lookback.count();
  const TimeRange times{Shifted(selector.shift, steps_.start) - lookback + 1,
                        Shifted(selector.shift, steps_.Last()) + lookback};
  const Result<series::SeriesListPtr> list = Find(&expr, selector, times);
  if (!list.ok()) return list.error();
  auto window = query_.view.Read(*list, times);
  if (!window.ok()) return window.error();
  const SelectedSamples samples(std::move(window).value(), selector.only_counts);
  StepVector vector = NewVector((*list)->frame);
  RangeScratch scratch;
  for (std::size_t i = 0; i < vector.size(); ++i) {
    if (const auto error = Interrupted(i)) return *error;
    const RangeSeries series = samples.At(i, scratch);
    const std::string_view metric = vector.frame->Text(i, series::kNameSymbol);
    for (std::size_t step = 0; step < steps_.count; ++step) {
      const TimestampMs time = Shifted(selector.shift, steps_.At(step));
      vector.Set(i, step, SmoothedAt(series, metric, time, expr.where));
    }
  }
  return vector;
}

}  // namespace tierwatch::promql
