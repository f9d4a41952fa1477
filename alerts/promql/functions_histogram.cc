#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>

#include "alerts/promql/classic_quantile.h"
#include "alerts/promql/functions.h"
#include "alerts/promql/instant.h"
#include "alerts/promql/text.h"
#include "alerts/series/float_histogram_quantile.h"
#include "base/float_text.h"
#include "base/labels.h"

namespace tierwatch::promql {
namespace {

using enum ValueType;

// A classic histogram: the series of its buckets.
struct Classic {
  Labels labels;  // without le
  bool drop_name = false;
  struct Bound {
    double upper = 0;
    const StepSeries* series = nullptr;
  };
  std::vector<Bound> bounds;
  std::vector<bool> excluded{};  // by step, empty where none: a native histogram is in the way

  std::vector<ClassicBucket> At(std::size_t step) const {
    std::vector<ClassicBucket> buckets;
    if (!excluded.empty() && excluded[step]) return buckets;
    for (const Bound& bound : bounds) {
      if (bound.series->HasFloat(step))
        buckets.push_back({bound.upper, bound.series->values[step]});
    }
    return buckets;
  }
};

std::string_view NameInNotes(const Evaluator& evaluator, const Labels& labels) {
  return evaluator.options().delayed_name_removal ? labels.Get(kMetricName) : std::string_view();
}

bool HasFloats(const StepSeries& series) {
  for (std::size_t step = 0; step < series.values.size(); ++step) {
    if (series.HasFloat(step)) return true;
  }
  return false;
}

// Groups the buckets in the order in which histograms first occur. A bucket without a bound is left
// out with a warning.
std::vector<Classic> Group(Evaluator& evaluator, const StepVector& vector, const Expr& arg) {
  std::vector<Classic> histograms;
  std::map<Labels, std::size_t> index;
  for (const StepSeries& series : vector) {
    if (!HasFloats(series)) continue;
    const std::string_view le = series.labels.Get("le");
    const std::optional<double> bound = ParseBucketBound(le);
    if (!bound) {
      evaluator.notes().Warn(
          "PromQL warning: bucket label \"le\" is missing or has a malformed value of " +
              Quote(le) + ForMetric(NameInNotes(evaluator, series.labels)),
          arg.where);
      continue;
    }
    Labels labels = series.labels;
    labels.Remove("le");
    const auto [at, fresh] = index.try_emplace(labels, histograms.size());
    if (fresh) histograms.push_back({std::move(labels), series.drop_name, {}, {}});
    histograms[at->second].bounds.push_back({*bound, &series});
  }
  return histograms;
}

// Where a native and a classic histogram share their labels at a step, neither counts: takes both
// out, with a warning.
void TakeOutConflicts(Evaluator& evaluator, StepVector& natives, std::vector<Classic>& classics,
                      const Expr& arg) {
  for (StepSeries& native : natives) {
    for (Classic& classic : classics) {
      if (classic.labels != native.labels) continue;
      for (std::size_t step = 0; step < native.values.size(); ++step) {
        if (!native.Histogram(step) || classic.At(step).empty()) continue;
        evaluator.notes().Warn(
            "PromQL warning: vector contains a mix of classic and native histograms" +
                ForMetric(NameInNotes(evaluator, native.labels)),
            arg.where);
        native.Set(step, {});
        classic.excluded.resize(native.values.size());
        classic.excluded[step] = true;
      }
    }
  }
}

// All histograms of a vector: native ones as elements, classic ones by their buckets.
struct Histograms {
  StepVector natives;
  std::vector<Classic> classics;
};

Histograms Split(Evaluator& evaluator, const StepVector& vector, const Expr& arg) {
  Histograms histograms;
  for (const StepSeries& series : vector) {
    if (!series.histograms.empty()) histograms.natives.push_back(series);
  }
  histograms.classics = Group(evaluator, vector, arg);
  TakeOutConflicts(evaluator, histograms.natives, histograms.classics, arg);
  return histograms;
}

// One series per native histogram; of(histogram, series, step) gives its value.
template <class Of>
StepVector OfNatives(const Evaluator& evaluator, const StepVector& natives, Of of) {
  StepVector out;
  for (const StepSeries& native : natives) {
    StepSeries series = evaluator.NewSeries(native.labels);
    for (std::size_t step = 0; step < series.values.size(); ++step) {
      if (const HistogramPtr& histogram = native.Histogram(step))
        series.values[step] = of(*histogram, native, step);
    }
    if (series.Empty()) continue;
    evaluator.DropName(series);
    out.push_back(std::move(series));
  }
  return out;
}

// One output series per classic histogram; at(histogram, buckets, step) gives its value.
template <class At>
StepVector OfEach(const Evaluator& evaluator, const std::vector<Classic>& histograms, At at) {
  StepVector out;
  for (const Classic& histogram : histograms) {
    StepSeries series = evaluator.NewSeries(histogram.labels);
    for (std::size_t step = 0; step < series.values.size(); ++step) {
      std::vector<ClassicBucket> buckets = histogram.At(step);
      if (!buckets.empty()) series.values[step] = at(histogram, std::move(buckets), step);
    }
    if (series.Empty()) continue;
    evaluator.DropName(series);
    out.push_back(std::move(series));
  }
  return out;
}

// A histogram that changes its type has both at different steps: one series.
Result<Value> Joined(const Evaluator& evaluator, StepVector natives, StepVector classics) {
  std::move(classics.begin(), classics.end(), std::back_inserter(natives));
  Result<StepVector> merged = evaluator.Merge(std::move(natives));
  if (!merged.ok()) return merged.error();
  return Value{std::move(merged).value()};
}

double NotedNativeQuantile(Evaluator& evaluator, double q, const series::FloatHistogram& histogram,
                           const StepSeries& native, const Place& where) {
  const series::Quantile quantile = series::HistogramQuantile(q, histogram);
  if (quantile.note != series::NanNote::kNone) {
    const bool nan = quantile.note == series::NanNote::kResultIsNan;
    evaluator.notes().Info(
        std::string("PromQL info: input to histogram_quantile has NaN observations, result is ") +
            (nan ? "NaN" : "skewed higher") + ForMetric(NameInNotes(evaluator, native.labels)),
        where);
  }
  return quantile.value;
}

double NotedQuantile(Evaluator& evaluator, double q, const Classic& histogram,
                     std::vector<ClassicBucket> buckets, std::size_t step, const Place& where) {
  const ClassicQuantile quantile = QuantileOf(q, std::move(buckets));
  if (quantile.forced_monotonic) {
    const TimestampMs time = evaluator.steps().At(step);
    evaluator.notes().InfoMonotonicity(
        NameInNotes(evaluator, histogram.labels),
        {time, time, quantile.least_bucket, quantile.greatest_bucket, quantile.greatest_difference},
        where);
  }
  return quantile.value;
}

void CheckQuantiles(Evaluator& evaluator, const StepScalar& quantiles, const Expr& arg) {
  for (const double q : quantiles) {
    if (!(q >= 0 && q <= 1)) evaluator.notes().WarnQuantile(q, arg.where);
  }
}

Result<Value> HistogramQuantile(Evaluator& evaluator, const Expr&, const Call& call) {
  const Result<StepScalar> quantiles = evaluator.Scalar(*call.args[0]);
  if (!quantiles.ok()) return quantiles.error();
  const Result<StepVector> vector = evaluator.Vector(*call.args[1]);
  if (!vector.ok()) return vector.error();
  CheckQuantiles(evaluator, *quantiles, *call.args[0]);
  const Histograms histograms = Split(evaluator, *vector, *call.args[1]);
  const auto native = [&](const series::FloatHistogram& histogram, const StepSeries& series,
                          std::size_t step) {
    return NotedNativeQuantile(evaluator, (*quantiles)[step], histogram, series,
                               call.args[1]->where);
  };
  const auto classic = [&](const Classic& histogram, std::vector<ClassicBucket> buckets,
                           std::size_t step) {
    return NotedQuantile(evaluator, (*quantiles)[step], histogram, std::move(buckets), step,
                         call.args[1]->where);
  };
  return Joined(evaluator, OfNatives(evaluator, histograms.natives, native),
                OfEach(evaluator, histograms.classics, classic));
}

Result<Value> HistogramQuantiles(Evaluator& evaluator, const Expr&, const Call& call) {
  const Result<StepVector> vector = evaluator.Vector(*call.args[0]);
  if (!vector.ok()) return vector.error();
  const Result<Value> label = evaluator.Evaluate(*call.args[1]);
  if (!label.ok()) return label.error();
  const Histograms histograms = Split(evaluator, *vector, *call.args[0]);
  StepVector out;
  for (std::size_t i = 2; i < call.args.size(); ++i) {
    const Result<StepScalar> quantiles = evaluator.Scalar(*call.args[i]);
    if (!quantiles.ok()) return quantiles.error();
    CheckQuantiles(evaluator, *quantiles, *call.args[i]);
    const auto native = [&](const series::FloatHistogram& histogram, const StepSeries& series,
                            std::size_t step) {
      return NotedNativeQuantile(evaluator, (*quantiles)[step], histogram, series,
                                 call.args[0]->where);
    };
    const auto classic = [&](const Classic& histogram, std::vector<ClassicBucket> buckets,
                             std::size_t step) {
      return NotedQuantile(evaluator, (*quantiles)[step], histogram, std::move(buckets), step,
                           call.args[0]->where);
    };
    for (StepVector part : {OfNatives(evaluator, histograms.natives, native),
                            OfEach(evaluator, histograms.classics, classic)}) {
      for (StepSeries& series : part) {
        series.labels.Set(std::get<std::string>(label->value), FloatLabel(quantiles->front()));
        out.push_back(std::move(series));
      }
    }
  }
  return Joined(evaluator, std::move(out), {});
}

Result<Value> HistogramFraction(Evaluator& evaluator, const Expr&, const Call& call) {
  const Result<StepScalar> lower = evaluator.Scalar(*call.args[0]);
  if (!lower.ok()) return lower.error();
  const Result<StepScalar> upper = evaluator.Scalar(*call.args[1]);
  if (!upper.ok()) return upper.error();
  const Result<StepVector> vector = evaluator.Vector(*call.args[2]);
  if (!vector.ok()) return vector.error();
  const Histograms histograms = Split(evaluator, *vector, *call.args[2]);
  const auto native = [&](const series::FloatHistogram& histogram, const StepSeries& series,
                          std::size_t step) {
    const series::Fraction fraction =
        series::HistogramFraction((*lower)[step], (*upper)[step], histogram);
    if (fraction.nan_observations) {
      evaluator.notes().Info(
          "PromQL info: input to histogram_fraction has NaN observations, which are excluded from "
          "all fractions" +
              ForMetric(NameInNotes(evaluator, series.labels)),
          call.args[2]->where);
    }
    return fraction.value;
  };
  const auto classic = [&](const Classic&, std::vector<ClassicBucket> buckets, std::size_t step) {
    return FractionOf((*lower)[step], (*upper)[step], std::move(buckets));
  };
  return Joined(evaluator, OfNatives(evaluator, histograms.natives, native),
                OfEach(evaluator, histograms.classics, classic));
}

double CountOf(const series::FloatHistogram& histogram) { return histogram.count; }
double SumOf(const series::FloatHistogram& histogram) { return histogram.sum; }
double DeviationOf(const series::FloatHistogram& histogram) {
  return std::sqrt(series::HistogramVariance(histogram));
}

// A number that every native histogram has. Floats have none.
template <double (*kNumber)(const series::FloatHistogram&)>
Result<Value> OfNative(Evaluator& evaluator, const Expr&, const Call& call) {
  const Result<StepVector> vector = evaluator.Vector(*call.args[0]);
  if (!vector.ok()) return vector.error();
  return Value{OfNatives(evaluator, *vector, [](const auto& histogram, const auto&, std::size_t) {
    return kNumber(histogram);
  })};
}

constexpr Function kFunctions[] = {
    {"histogram_avg", {kVector}, 0, kVector, OfNative<series::HistogramAverage>, kOnlyCounts},
    {"histogram_count", {kVector}, 0, kVector, OfNative<CountOf>, kOnlyCounts},
    {"histogram_fraction",
     {kScalar, kScalar, kVector},
     0,
     kVector,
     HistogramFraction,
     kNeedsBuckets},
    {"histogram_quantile", {kScalar, kVector}, 0, kVector, HistogramQuantile, kNeedsBuckets},
    {"histogram_quantiles",
     {kVector, kString, kScalar, kScalar},
     9,
     kVector,
     HistogramQuantiles,
     kExperimental | kNeedsBuckets},
    {"histogram_stddev", {kVector}, 0, kVector, OfNative<DeviationOf>},
    {"histogram_stdvar", {kVector}, 0, kVector, OfNative<series::HistogramVariance>},
    {"histogram_sum", {kVector}, 0, kVector, OfNative<SumOf>, kOnlyCounts},
};

}  // namespace

std::span<const Function> HistogramFunctions() { return kFunctions; }

}  // namespace tierwatch::promql
