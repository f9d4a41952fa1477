#include "alerts/series/store.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>

namespace tierwatch::series {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

ClientMetric Gauge(std::vector<ClientMetric::Label> labels, double value) {
  ClientMetric metric;
  metric.label = std::move(labels);
  metric.gauge.value = value;
  return metric;
}

Batch BatchOf(TimestampMs time, std::vector<MetricFamily> families) {
  return {"redis", Labels{{"service", "shop"}, {"target", "a:1"}}, time, true, std::move(families)};
}

struct Read {
  std::vector<TimestampMs> times;
  std::vector<double> values;
};

// The samples of all series, in the order of the store's list.
std::vector<Read> All(const Store& store) {
  const std::unique_ptr<View> view = store.Open();
  const SeriesListPtr list = view->Find({}, nullptr, nullptr).value();
  const std::unique_ptr<Window> window = std::move(view->Read(list, {0, 1'000'000})).value();
  std::vector<Read> all;
  SampleBuffer scratch;
  for (std::size_t i = 0; i < list->frame->size(); ++i) {
    const SeriesSamples samples = window->At(i, scratch);
    all.push_back({{samples.times.begin(), samples.times.end()},
                   {samples.values.begin(), samples.values.end()}});
  }
  return all;
}

TEST(Store, NamesSeriesAsExpositionWould) {
  Store store({Labels{{"site", "x"}, {"service", "overridden"}}});
  ClientMetric histogram;
  histogram.histogram.sample_count = 3;
  histogram.histogram.sample_sum = 1.5;
  histogram.histogram.bucket = {{1, 0.5}, {2, 1}};
  ClientMetric summary;
  summary.summary.quantile = {{0.9, 7}};
  store.Append(BatchOf(1000, {{"h", "", MetricType::Histogram, {histogram}},
                              {"s", "", MetricType::Summary, {summary}},
                              {"g", "", MetricType::Gauge, {Gauge({{"target", "own"}}, 4)}}}));
  std::vector<std::string> names;
  for (const Labels& labels : store.Series({}, 0, 2000)) names.push_back(labels.ToString());
  const std::string rest = "service=\"shop\", site=\"x\", target=\"a:1\"}";
  EXPECT_EQ(names, (std::vector<std::string>{
                       "g{service=\"shop\", site=\"x\", target=\"own\"}",
                       "h_bucket{le=\"+Inf\", " + rest, "h_bucket{le=\"0.5\", " + rest,
                       "h_bucket{le=\"1.0\", " + rest, "h_count{" + rest, "h_sum{" + rest,
                       "s{quantile=\"0.9\", " + rest, "s_count{" + rest, "s_sum{" + rest}));
}

TEST(Store, MarksWhatTheNextBatchLacks) {
  Store store;
  store.Append(BatchOf(
      1000, {{"g", "", MetricType::Gauge, {Gauge({{"x", "1"}}, 1), Gauge({{"x", "2"}}, 2)}}}));
  store.Append(BatchOf(2000, {{"g", "", MetricType::Gauge, {Gauge({{"x", "2"}}, 3)}}}));
  store.Append(BatchOf(3000, {{"g", "", MetricType::Gauge, {Gauge({{"x", "2"}}, 4)}}}));
  const auto series = All(store);
  ASSERT_EQ(series.size(), 2u);
  ASSERT_EQ(series[0].values.size(), 2u);  // one marker, not one per batch
  EXPECT_TRUE(IsStale(series[0].values[1]));
  EXPECT_EQ(series[1].values.size(), 3u);
  store.Forget("redis", Labels{{"service", "shop"}, {"target", "a:1"}});
  EXPECT_TRUE(IsStale(All(store)[1].values.back()));
}

TEST(Store, RefusesOldSamplesAndTooManySeries) {
  StoreOptions options;
  options.max_series = 1;
  Store store(options);
  const Sample samples[] = {
      {Labels{{"a", "1"}}, 1000, 1}, {Labels{{"a", "1"}}, 1000, 2}, {Labels{{"a", "2"}}, 1000, 3}};
  store.Append("test", samples);
  EXPECT_EQ(store.Stats().samples, 1u);
  EXPECT_EQ(store.Stats().refused, 2u);
}

TEST(Store, PrunesByTimeAndBytes) {
  StoreOptions options;
  options.retention = Millis(10'000);
  Store store(options);
  for (TimestampMs time = 0; time < 20'000; time += 1000) {
    const Sample samples[] = {{Labels{{"a", "1"}}, time, 1}};
    store.Append("test", samples);
  }
  const Sample old[] = {{Labels{{"a", "old"}}, 0, 1}};
  store.Append("test", old);
  const SeriesListPtr list = store.Open()->Find({}, nullptr, nullptr).value();
  EXPECT_EQ(store.Open()->Find({}, nullptr, list).value(), list);
  store.Prune(20'000);
  EXPECT_EQ(store.Stats().samples, 10u);
  EXPECT_EQ(store.Stats().series, 1u);  // a series without samples is gone
  EXPECT_NE(store.Open()->Find({}, nullptr, list).value(), list);
  EXPECT_EQ(store.LabelValues("a"), std::vector<std::string>{"1"});
}

struct MatchCase {
  MatchType type;
  const char* pattern;
  const char* value;
  bool matches;
};

TEST(Matcher, AnchorsAndShortCuts) {
  const MatchCase cases[] = {
      {MatchType::kEqual, "a", "a", true},        {MatchType::kNotEqual, "a", "", true},
      {MatchType::kRegexp, "a", "xa", false},     {MatchType::kRegexp, "a|b", "b", true},
      {MatchType::kRegexp, "a|b", "ab", false},   {MatchType::kRegexp, "a.*", "a\nb", true},
      {MatchType::kRegexp, "a.+", "a", false},    {MatchType::kRegexp, ".*", "", true},
      {MatchType::kRegexp, ".+", "", false},      {MatchType::kNotRegexp, "a.*", "b", true},
      {MatchType::kRegexp, "(a|b)c", "bc", true}, {MatchType::kRegexp, "a.b", "a\nb", true},
      {MatchType::kRegexp, "(?i)A", "a", true},   {MatchType::kRegexp, "|a", "", true},
  };
  for (const MatchCase& c : cases) {
    const Result<Matcher> matcher = Matcher::Make(c.type, "x", c.pattern);
    ASSERT_TRUE(matcher.ok()) << c.pattern;
    EXPECT_EQ(matcher->Matches(c.value), c.matches) << matcher->ToString() << " " << c.value;
  }
  EXPECT_FALSE(Matcher::Make(MatchType::kRegexp, "x", "(").ok());
  EXPECT_FALSE(Matcher::Make(MatchType::kRegexp, "x", "a)(b").ok());
}

TEST(Store, ReadersNeverSeeHalfABatch) {
  Store store;
  std::atomic<bool> done = false;
  std::thread writer([&] {
    for (TimestampMs time = 1; time <= 500; ++time) {
      const double value = static_cast<double>(time);
      store.Append(BatchOf(time, {{"g",
                                   "",
                                   MetricType::Gauge,
                                   {Gauge({{"x", "1"}}, value), Gauge({{"x", "2"}}, value)}}}));
    }
    done = true;
  });
  while (!done) {
    const auto series = All(store);
    if (series.empty()) continue;
    EXPECT_EQ(series.size(), 2u);
    EXPECT_EQ(series[0].values.back(), series[1].values.back());
  }
  writer.join();
}

}  // namespace
}  // namespace tierwatch::series
