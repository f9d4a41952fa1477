#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>

#include "alerts/promql/classic_quantile.h"
#include "alerts/promql/functions.h"
#include "alerts/promql/instant.h"
#include "alerts/promql/text.h"
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

  std::vector<ClassicBucket> At(std::size_t step) const {
    std::vector<ClassicBucket> buckets;
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
    if (fresh) histograms.push_back({std::move(labels), series.drop_name, {}});
    histograms[at->second].bounds.push_back({*bound, &series});
  }
  return histograms;
}

bool AnyNative(const StepVector& vector) {
  return std::any_of(vector.begin(), vector.end(),
                     [](const StepSeries& s) { return !s.histograms.empty(); });
}

Error NativeNotYet(const Call& call) {
  return Error{std::string(call.function->name) + "() of native histograms is not supported yet"};
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
    evaluator.DropName(series);
    out.push_back(std::move(series));
  }
  return out;
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
  if (AnyNative(*vector)) return NativeNotYet(call);
  return Value{
      OfEach(evaluator, Group(evaluator, *vector, *call.args[1]),
             [&](const Classic& histogram, std::vector<ClassicBucket> buckets, std::size_t step) {
               return NotedQuantile(evaluator, (*quantiles)[step], histogram, std::move(buckets),
                                    step, call.args[1]->where);
             })};
}

Result<Value> HistogramQuantiles(Evaluator& evaluator, const Expr&, const Call& call) {
  const Result<StepVector> vector = evaluator.Vector(*call.args[0]);
  if (!vector.ok()) return vector.error();
  const Result<Value> label = evaluator.Evaluate(*call.args[1]);
  if (!label.ok()) return label.error();
  const std::string& name = std::get<std::string>(label->value);
  if (AnyNative(*vector)) return NativeNotYet(call);
  const std::vector<Classic> histograms = Group(evaluator, *vector, *call.args[0]);
  StepVector out;
  for (std::size_t i = 2; i < call.args.size(); ++i) {
    const Result<StepScalar> quantiles = evaluator.Scalar(*call.args[i]);
    if (!quantiles.ok()) return quantiles.error();
    CheckQuantiles(evaluator, *quantiles, *call.args[i]);
    StepVector part =
        OfEach(evaluator, histograms,
               [&](const Classic& histogram, std::vector<ClassicBucket> buckets, std::size_t step) {
                 return NotedQuantile(evaluator, (*quantiles)[step], histogram, std::move(buckets),
                                      step, call.args[0]->where);
               });
    for (StepSeries& series : part) {
      series.labels.Set(name, FloatLabel(quantiles->front()));
      out.push_back(std::move(series));
    }
  }
  return Value{std::move(out)};
}

Result<Value> HistogramFraction(Evaluator& evaluator, const Expr&, const Call& call) {
  const Result<StepScalar> lower = evaluator.Scalar(*call.args[0]);
  if (!lower.ok()) return lower.error();
  const Result<StepScalar> upper = evaluator.Scalar(*call.args[1]);
  if (!upper.ok()) return upper.error();
  const Result<StepVector> vector = evaluator.Vector(*call.args[2]);
  if (!vector.ok()) return vector.error();
  if (AnyNative(*vector)) return NativeNotYet(call);
  return Value{OfEach(evaluator, Group(evaluator, *vector, *call.args[2]),
                      [&](const Classic&, std::vector<ClassicBucket> buckets, std::size_t step) {
                        return FractionOf((*lower)[step], (*upper)[step], std::move(buckets));
                      })};
}

// Floats are no histograms: these functions have nothing to say of them.
Result<Value> OfNative(Evaluator& evaluator, const Expr&, const Call& call) {
  const Result<StepVector> vector = evaluator.Vector(*call.args[0]);
  if (!vector.ok()) return vector.error();
  if (AnyNative(*vector)) return NativeNotYet(call);
  return Value{StepVector{}};
}

constexpr Function kFunctions[] = {
    {"histogram_avg", {kVector}, 0, kVector, OfNative},
    {"histogram_count", {kVector}, 0, kVector, OfNative},
    {"histogram_fraction", {kScalar, kScalar, kVector}, 0, kVector, HistogramFraction},
    {"histogram_quantile", {kScalar, kVector}, 0, kVector, HistogramQuantile},
    {"histogram_quantiles",
     {kVector, kString, kScalar, kScalar},
     9,
     kVector,
     HistogramQuantiles,
     kExperimental},
    {"histogram_stddev", {kVector}, 0, kVector, OfNative},
    {"histogram_stdvar", {kVector}, 0, kVector, OfNative},
    {"histogram_sum", {kVector}, 0, kVector, OfNative},
};

}  // namespace

std::span<const Function> HistogramFunctions() { return kFunctions; }

}  // namespace tierwatch::promql
