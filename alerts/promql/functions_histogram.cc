#include <algorithm>
#include <cmath>
#include <optional>
#include <set>

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

std::string_view NameInNotes(const Evaluator& evaluator, const Frame& frame, std::size_t i) {
  return evaluator.options().delayed_name_removal ? frame.Text(i, series::kNameSymbol)
                                                  : std::string_view();
}

// Which series make up which histogram: native ones by themselves, classic ones by their buckets.
struct Layout : Memo {
  struct Bucket {
    double upper = 0;
    std::uint32_t series = 0;
  };
  struct Classic {
    std::uint32_t histogram = 0;    // in `histograms`
    std::vector<Bucket> buckets{};  // ascending by bound
  };
  FramePtr input;
  std::vector<std::uint32_t> natives;  // series that have native histograms, or may have
  FramePtr histograms;                 // the labels of all, of the classic ones without le
  std::vector<Classic> classics;
  std::vector<std::uint32_t> native_histograms;  // by native, in `histograms`
  std::vector<std::uint32_t> unbounded;          // series without a bound that can be read
};

std::vector<std::uint32_t> Natives(const StepVector& vector) {
  std::vector<std::uint32_t> natives;
  for (std::size_t at = 0; at < vector.histograms.size(); ++at) {
    const auto i = static_cast<std::uint32_t>(at / vector.steps);
    if (vector.histograms[at] && (natives.empty() || natives.back() != i)) natives.push_back(i);
  }
  return natives;
}

void MakeLayout(const StepVector& vector, std::vector<std::uint32_t> natives, Layout& layout) {
  const Frame& input = *vector.frame;
  FrameBuilder frame(input.symbols());
  std::vector<std::uint32_t> classic_of;  // by histogram: its place in `classics`, plus 1
  std::vector<LabelPair> labels;
  layout.classics.clear();
  layout.unbounded.clear();
  layout.native_histograms.clear();
  for (std::uint32_t i = 0; i < input.size(); ++i) {
    const std::optional<double> bound = ParseBucketBound(input.Text(i, series::kLeSymbol));
    if (!bound) {
      layout.unbounded.push_back(i);
      continue;
    }
    labels.assign(input[i].begin(), input[i].end());
    series::SetValue(labels, series::kLeSymbol, series::kNoText);
    const std::size_t histogram = frame.Insert(labels, input.DropsName(i)).first;
    classic_of.resize(frame.size());
    if (classic_of[histogram] == 0) {
      layout.classics.push_back({static_cast<std::uint32_t>(histogram)});
      classic_of[histogram] = static_cast<std::uint32_t>(layout.classics.size());
    }
    layout.classics[classic_of[histogram] - 1].buckets.push_back({*bound, i});
  }
  for (Layout::Classic& classic : layout.classics) {
    std::ranges::stable_sort(classic.buckets, {}, &Layout::Bucket::upper);
  }
  for (const std::uint32_t i : natives) {
    layout.native_histograms.push_back(
        static_cast<std::uint32_t>(frame.Insert(input[i], input.DropsName(i)).first));
  }
  layout.natives = std::move(natives);
  layout.histograms = Settled(layout.histograms, frame.Finish());
  layout.input = vector.frame;
}

// A bucket without a bound is left out with a warning.
void WarnUnbounded(Evaluator& evaluator, const StepVector& vector, const Layout& layout,
                   const Place& where) {
  for (const std::uint32_t i : layout.unbounded) {
    bool floats = false;
    for (std::size_t step = 0; step < vector.steps; ++step)
      floats = floats || vector.HasFloat(i, step);
    if (!floats) continue;
    evaluator.notes().Warn(
        "PromQL warning: bucket label \"le\" is missing or has a malformed value of " +
            Quote(vector.frame->Text(i, series::kLeSymbol)) +
            ForMetric(NameInNotes(evaluator, *vector.frame, i)),
        where);
  }
}

// All histograms of a vector, at every step.
class Histograms {
 public:
  // `arg` gave the vector, as an argument of `expr`.
  Histograms(Evaluator& evaluator, const Expr& expr, const StepVector& vector, const Expr& arg)
      : evaluator_(evaluator), vector_(vector), layout_(evaluator.MemoOf<Layout>(expr)) {
    std::vector<std::uint32_t> natives = Natives(vector);
    if (layout_.input != vector.frame || layout_.natives != natives)
      MakeLayout(vector, std::move(natives), layout_);
    WarnUnbounded(evaluator, vector, layout_, arg.where);
    FindConflicts(arg.where);
  }

  // A value for each: of_native(histogram, i, step) and of_classic(buckets, i, step), where i is
  // the histogram's place in the result.
  template <class OfNative, class OfClassic>
  StepVector Each(OfNative of_native, OfClassic of_classic) {
    StepVector out = evaluator_.NewVector(layout_.histograms);
    for (std::size_t n = 0; n < layout_.natives.size(); ++n) {
      const std::size_t i = layout_.native_histograms[n];
      for (std::size_t step = 0; step < out.steps; ++step) {
        const HistogramPtr& histogram = vector_.Histogram(layout_.natives[n], step);
        if (histogram && !conflicts_.contains(i * out.steps + step))
          out.Row(i)[step] = of_native(*histogram, i, step);
      }
    }
    for (const Layout::Classic& classic : layout_.classics) {
      for (std::size_t step = 0; step < out.steps; ++step) {
        const std::size_t at = classic.histogram * out.steps + step;
        if (conflicts_.contains(at) || !Gather(classic, step)) continue;
        out.values[at] = of_classic(buckets_, classic.histogram, step);
      }
    }
    return out;
  }
  const Frame& labels() const { return *layout_.histograms; }

 private:
  bool Gather(const Layout::Classic& classic, std::size_t step) {
    buckets_.clear();
    for (const auto& [upper, i] : classic.buckets) {
      if (vector_.HasFloat(i, step)) buckets_.push_back({upper, vector_.Row(i)[step]});
    }
    return !buckets_.empty();
  }

  // Where a native and a classic histogram share their labels at a step, neither counts.
  void FindConflicts(const Place& where) {
    if (layout_.natives.empty()) return;
    std::set<std::size_t> natives;
    for (std::size_t n = 0; n < layout_.natives.size(); ++n) {
      for (std::size_t step = 0; step < vector_.steps; ++step) {
        if (vector_.Histogram(layout_.natives[n], step))
          natives.insert(layout_.native_histograms[n] * vector_.steps + step);
      }
    }
    for (const Layout::Classic& classic : layout_.classics) {
      for (std::size_t step = 0; step < vector_.steps; ++step) {
        const std::size_t at = classic.histogram * vector_.steps + step;
        if (!natives.contains(at) || !Gather(classic, step)) continue;
        evaluator_.notes().Warn(
            "PromQL warning: vector contains a mix of classic and native histograms" +
                ForMetric(NameInNotes(evaluator_, *layout_.histograms, classic.histogram)),
            where);
        conflicts_.insert(at);
      }
    }
  }

  Evaluator& evaluator_;
  const StepVector& vector_;
  Layout& layout_;
  std::vector<ClassicBucket> buckets_;  // of one histogram at one step
  std::set<std::size_t> conflicts_;     // histogram * steps + step
};

Result<Value> Named(Evaluator& evaluator, const Expr& expr, StepVector vector) {
  Result<StepVector> renamed = evaluator.DropNames(expr, std::move(vector));
  if (!renamed.ok()) return renamed.error();
  return Value{std::move(renamed).value()};
}

void CheckQuantiles(Evaluator& evaluator, const StepScalar& quantiles, const Expr& arg) {
  for (const double q : quantiles) {
    if (!(q >= 0 && q <= 1)) evaluator.notes().WarnQuantile(q, arg.where);
  }
}

StepVector Quantiles(Evaluator& evaluator, Histograms& histograms, const StepScalar& quantiles,
                     const Place& where) {
  const auto native = [&](const series::FloatHistogram& histogram, std::size_t i,
                          std::size_t step) {
    const series::Quantile quantile = series::HistogramQuantile(quantiles[step], histogram);
    if (quantile.note != series::NanNote::kNone) {
      const bool nan = quantile.note == series::NanNote::kResultIsNan;
      evaluator.notes().Info(
          std::string("PromQL info: input to histogram_quantile has NaN observations, result is ") +
              (nan ? "NaN" : "skewed higher") +
              ForMetric(NameInNotes(evaluator, histograms.labels(), i)),
          where);
    }
    return quantile.value;
  };
  const auto classic = [&](std::vector<ClassicBucket>& buckets, std::size_t i, std::size_t step) {
    const ClassicQuantile quantile = QuantileOf(quantiles[step], buckets);
    if (quantile.forced_monotonic) {
      const TimestampMs time = evaluator.steps().At(step);
      evaluator.notes().InfoMonotonicity(NameInNotes(evaluator, histograms.labels(), i),
                                         {time, time, quantile.least_bucket,
                                          quantile.greatest_bucket, quantile.greatest_difference},
                                         where);
    }
    return quantile.value;
  };
  return histograms.Each(native, classic);
}

Result<Value> HistogramQuantile(Evaluator& evaluator, const Expr& expr, const Call& call) {
  const Result<StepScalar> quantiles = evaluator.Scalar(*call.args[0]);
  if (!quantiles.ok()) return quantiles.error();
  const Result<StepVector> vector = evaluator.Vector(*call.args[1]);
  if (!vector.ok()) return vector.error();
  CheckQuantiles(evaluator, *quantiles, *call.args[0]);
  Histograms histograms(evaluator, expr, *vector, *call.args[1]);
  return Named(evaluator, expr, Quantiles(evaluator, histograms, *quantiles, call.args[1]->where));
}

Result<Value> HistogramQuantiles(Evaluator& evaluator, const Expr& expr, const Call& call) {
  const Result<StepVector> vector = evaluator.Vector(*call.args[0]);
  if (!vector.ok()) return vector.error();
  const Result<std::string> label = evaluator.String(*call.args[1]);
  if (!label.ok()) return label.error();
  Histograms histograms(evaluator, expr, *vector, *call.args[0]);
  const Symbol name = evaluator.symbols()->Intern(*label);
  FrameBuilder frame(evaluator.symbols());
  Relabelling relabelling;
  StepVector all;
  all.steps = evaluator.steps().count;
  std::vector<LabelPair> labels;
  for (std::size_t arg = 2; arg < call.args.size(); ++arg) {
    const Result<StepScalar> quantiles = evaluator.Scalar(*call.args[arg]);
    if (!quantiles.ok()) return quantiles.error();
    CheckQuantiles(evaluator, *quantiles, *call.args[arg]);
    const Result<StepVector> part = evaluator.DropNames(
        expr, Quantiles(evaluator, histograms, *quantiles, call.args[0]->where));
    if (!part.ok()) return part.error();
    const Symbol text = evaluator.symbols()->Intern(FloatLabel(quantiles->front()));
    for (std::size_t i = 0; i < part->size(); ++i) {
      labels.assign((*part->frame)[i].begin(), (*part->frame)[i].end());
      series::SetValue(labels, name, text);
      relabelling.to.push_back(
          static_cast<std::uint32_t>(frame.Insert(labels, part->frame->DropsName(i)).first));
    }
    all.values.insert(all.values.end(), part->values.begin(), part->values.end());
  }
  relabelling.frame = frame.Finish();
  Result<StepVector> moved = evaluator.Move(std::move(all), relabelling);
  if (!moved.ok()) return moved.error();
  return Value{std::move(moved).value()};
}

Result<Value> HistogramFraction(Evaluator& evaluator, const Expr& expr, const Call& call) {
  const Result<StepScalar> lower = evaluator.Scalar(*call.args[0]);
  if (!lower.ok()) return lower.error();
  const Result<StepScalar> upper = evaluator.Scalar(*call.args[1]);
  if (!upper.ok()) return upper.error();
  const Result<StepVector> vector = evaluator.Vector(*call.args[2]);
  if (!vector.ok()) return vector.error();
  Histograms histograms(evaluator, expr, *vector, *call.args[2]);
  const auto native = [&](const series::FloatHistogram& histogram, std::size_t i,
                          std::size_t step) {
    const series::Fraction fraction =
        series::HistogramFraction((*lower)[step], (*upper)[step], histogram);
    if (fraction.nan_observations) {
      evaluator.notes().Info(
          "PromQL info: input to histogram_fraction has NaN observations, which are excluded from "
          "all fractions" +
              ForMetric(NameInNotes(evaluator, histograms.labels(), i)),
          call.args[2]->where);
    }
    return fraction.value;
  };
  const auto classic = [&](std::vector<ClassicBucket>& buckets, std::size_t, std::size_t step) {
    return FractionOf((*lower)[step], (*upper)[step], buckets);
  };
  return Named(evaluator, expr, histograms.Each(native, classic));
}

double CountOf(const series::FloatHistogram& histogram) { return histogram.count; }
double SumOf(const series::FloatHistogram& histogram) { return histogram.sum; }
double DeviationOf(const series::FloatHistogram& histogram) {
  return std::sqrt(series::HistogramVariance(histogram));
}

// A number that every native histogram has. Floats have none.
template <double (*kNumber)(const series::FloatHistogram&)>
Result<Value> OfNative(Evaluator& evaluator, const Expr& expr, const Call& call) {
  Result<StepVector> vector = evaluator.Vector(*call.args[0]);
  if (!vector.ok()) return vector.error();
  vector->histograms.resize(vector->values.size());
  for (std::size_t at = 0; at < vector->values.size(); ++at) {
    const HistogramPtr& histogram = vector->histograms[at];
    vector->values[at] = histogram ? kNumber(*histogram) : Absent();
  }
  vector->histograms.clear();
  return Named(evaluator, expr, std::move(vector).value());
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
