// The store beside the simplest thing that does the same: random batches, shapes, prunes, windows.
#include <gtest/gtest.h>

#include <bit>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>

#include "alerts/series/store.h"

namespace tierwatch::series {
namespace {

using prometheus::MetricFamily;
using prometheus::MetricType;
using Series = std::map<TimestampMs, double>;

std::uint64_t BitsOf(double value) { return std::bit_cast<std::uint64_t>(value); }

// One matcher each: lists are kept from one check to the next.
constexpr std::vector<Matcher> (*kQuestions[])() = {
    [] { return std::vector{Matcher::Make(MatchType::kRegexp, "x", "[0-9]*1").value()}; },
    [] { return std::vector{Matcher::Make(MatchType::kNotRegexp, "x", "1.*|2").value()}; },
    [] { return std::vector{Matcher::Equal("__name__", "m")}; },
    [] { return std::vector{Matcher::Equal("target", "1")}; },
    [] { return std::vector{Matcher::Equal("x", "20")}; },
};

class Model {
 public:
  explicit Model(unsigned seed) : random_(seed) {}

  void Step() {
    time_ += 1 + Pick(15'000);
    switch (Pick(12)) {
      case 0:
        return Forget(Pick(3));
      case 1:
        return AppendSamples(Pick(3));
      case 2:
        return Pick(20) == 0 ? Prune() : AppendMixed();
      default:
        return AppendBatch(Pick(3));
    }
  }

  void Check() {
    const TimeRange range{time_ - Pick(3'000'000), time_ - Pick(1000) * Pick(1000)};
    const auto view = store_.Open();
    const std::vector<Matcher> matchers = kQuestions[Pick(std::size(kQuestions))]();
    SeriesListPtr& list = found_[matchers[0].ToString()];
    list = view->Find(matchers, nullptr, list).value();
    const auto window = std::move(view->Read(list, range)).value();
    std::set<Labels> seen;
    SampleBuffer scratch;
    for (std::size_t i = 0; i < list->frame->size(); ++i) {
      const Labels labels = list->frame->LabelsOf(i);
      seen.insert(labels);
      CheckSeries(labels, range, window->At(i, scratch));
    }
    for (const auto& [labels, series] : kept_) {
      const bool matches = matchers[0].Matches(labels.Get(matchers[0].name()));
      EXPECT_TRUE(!matches || series.empty() || seen.contains(labels)) << labels.ToString();
    }
    for (const MatrixPart& part : window->parts()) CheckPart(part, *list, *window);
  }

  const Store& store() const { return store_; }

 private:
  std::int64_t Pick(std::int64_t below) {
    return static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(below));
  }

  double Value(double before) {
    switch (Pick(10)) {
      case 0:
        return std::bit_cast<double>(random_());
      case 1:
        return static_cast<double>(Pick(100)) / 10;
      default:
        return before + static_cast<double>(Pick(20));
    }
  }

  // What a source may not say becomes an ordinary NaN.
  static double Kept(double value) {
    return IsStale(value) || IsGap(value) ? OrdinaryNan() : value;
  }

  void Take(const Labels& labels, TimestampMs time, double value) {
    Series& series = kept_[labels];
    if (series.empty() || series.rbegin()->first < time) series[time] = value;
  }

  static Labels TargetOf(std::int64_t source) { return Labels{{"target", std::to_string(source)}}; }

  void AppendBatch(std::int64_t source) {
    // Mostly the same series again, sometimes others; some are had by two sources.
    if (shape_[source].empty() || Pick(6) == 0) {
      shape_[source].clear();
      const std::int64_t first = Pick(300), count = Pick(60);
      for (std::int64_t i = first; i < first + count; ++i) {
        Labels labels{{"__name__", "m"}, {"x", std::to_string(i)}};
        if (i % 10 != 0) labels.Set("target", std::to_string(source));
        shape_[source].push_back(labels);
      }
    }
    Batch batch{"c", Labels{}, time_, true, {{"m", "", MetricType::Untyped, {}}}};
    batch.collector += std::to_string(source);
    std::map<Labels, double> given;
    for (const Labels& labels : shape_[source]) {
      const double value = Value(static_cast<double>(time_));
      prometheus::ClientMetric metric;
      for (const Label& label : labels) {
        if (label.name != kMetricName) metric.label.push_back({label.name, label.value});
      }
      metric.untyped.value = value;
      batch.families[0].metric.push_back(metric);
      given[labels] = Kept(value);
    }
    store_.Append(batch);
    End(source, given, time_);
    for (const auto& [labels, value] : given) Take(labels, time_, value);
    for (const auto& [labels, value] : given) last_[source].insert(labels);
  }

  void End(std::int64_t source, const std::map<Labels, double>& given, TimestampMs time) {
    for (const Labels& labels : last_[source]) {
      if (!given.contains(labels)) Take(labels, time, StaleMarker());
    }
    last_[source].clear();
  }

  void Forget(std::int64_t source) {
    AppendBatch(source);
    store_.Forget("c" + std::to_string(source), Labels{});
    End(source, {}, ++time_);
  }

  void AppendSamples(std::int64_t source) {
    std::vector<Sample> samples;
    const std::int64_t first = Pick(5), count = 1 + Pick(5);
    for (std::int64_t i = first; i < first + count; ++i) {
      samples.push_back({Labels{{"__name__", "r"}, {"x", std::to_string(i)}}, time_, Value(1)});
      if (IsGap(samples.back().value)) samples.back().value = 0;
    }
    store_.Append("rule" + std::to_string(source), samples);
    for (const Sample& sample : samples) Take(sample.labels, sample.time, sample.value);
  }

  void AppendMixed() {
    std::vector<Sample> samples;
    for (std::int64_t i = 0; i < 6; ++i) {
      const bool rule = Pick(2) == 0;
      samples.push_back({Labels{{"__name__", rule ? "r" : "m"}, {"x", std::to_string(Pick(8))}},
                         time_ - Pick(40'000), Value(2)});
      if (IsGap(samples.back().value)) samples.back().value = 0;
    }
    store_.Append("mixed", samples);
    for (const Sample& sample : samples) Take(sample.labels, sample.time, sample.value);
  }

  void Prune() {
    store_.Prune(time_);
    horizon_ = time_ - 7'200'000;
    for (auto& [labels, series] : kept_) series.erase(series.begin(), series.lower_bound(horizon_));
  }

  void CheckSeries(const Labels& labels, TimeRange range, const SeriesSamples& samples) {
    const Series& series = kept_[labels];
    auto expected = series.lower_bound(range.from);
    for (std::size_t k = 0; k < samples.times.size(); ++k, ++expected) {
      ASSERT_TRUE(expected != series.end() && expected->first <= range.to) << labels.ToString();
      ASSERT_EQ(samples.times[k], expected->first) << labels.ToString();
      ASSERT_EQ(BitsOf(samples.values[k]), BitsOf(expected->second)) << labels.ToString();
    }
    ASSERT_TRUE(expected == series.end() || expected->first > range.to) << labels.ToString();
  }

  static void CheckPart(const MatrixPart& part, const SeriesList& list, const Window& window) {
    ASSERT_LE(part.first + part.columns.size(), list.frame->size());
    SampleBuffer scratch;
    for (std::size_t i = 0; i < part.columns.size(); ++i) {
      const SeriesSamples samples = window.At(part.first + i, scratch);
      const bool at_end = !samples.times.empty() && samples.times.back() == part.last_time;
      EXPECT_EQ(BitsOf(part.Last(i)), at_end ? BitsOf(samples.values.back()) : kGapBits);
      if (!part.complete || !part.Rises(i)) continue;
      ASSERT_EQ(samples.times.size(), part.rows);
      EXPECT_EQ(samples.times.front(), part.first_time);
      EXPECT_EQ(part.first_row[part.columns[i]], samples.values.front());
      for (std::size_t k = 1; k < part.rows; ++k)
        EXPECT_GE(samples.values[k], samples.values[k - 1]);
    }
  }

  std::mt19937_64 random_;
  Store store_;
  TimestampMs time_ = 10'000'000;
  TimestampMs horizon_ = 0;
  std::map<Labels, Series> kept_;
  std::map<std::int64_t, std::vector<Labels>> shape_;
  std::map<std::int64_t, std::set<Labels>> last_;
  std::map<std::string, SeriesListPtr> found_;
};

TEST(StoreModel, IsWhatTheStoreIs) {
  for (unsigned seed = 1; seed <= 3; ++seed) {
    Model model(seed);
    for (int step = 0; step < 600 && !::testing::Test::HasFailure(); ++step) {
      model.Step();
      if (step % 10 == 0) model.Check();
    }
    EXPECT_GT(model.store().Stats().sealed_samples, 0u);
  }
}

}  // namespace
}  // namespace tierwatch::series
