#include "alerts/series/store.h"

#include <gtest/gtest.h>

#include <bit>
#include <limits>
#include <map>
#include <string>

#include "alerts/series/float_histogram.h"

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

Batch Gauges(TimestampMs time, std::vector<std::pair<std::string, double>> values) {
  MetricFamily family{"g", "", MetricType::Gauge, {}};
  for (const auto& [x, value] : values) family.metric.push_back(Gauge({{"x", x}}, value));
  return BatchOf(time, {std::move(family)});
}

using Samples = std::vector<std::pair<TimestampMs, double>>;

// What a window holds, by the label x. A staleness marker is shown as -1.
std::map<std::string, Samples> Read(const Store& store, TimeRange range = {},
                                    std::vector<Matcher> matchers = {}) {
  const auto view = store.Open();
  const SeriesListPtr list = view->Find(matchers, nullptr, nullptr).value();
  const auto window = std::move(view->Read(list, range)).value();
  std::map<std::string, Samples> read;
  SampleBuffer scratch;
  for (std::size_t i = 0; i < list->frame->size(); ++i) {
    const SeriesSamples samples = window->At(i, scratch);
    Samples& out = read[std::string(list->frame->LabelsOf(i).Get("x"))];
    for (std::size_t k = 0; k < samples.times.size(); ++k)
      out.emplace_back(samples.times[k], IsStale(samples.values[k]) ? -1 : samples.values[k]);
  }
  return read;
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
  EXPECT_EQ(store.LabelNames(),
            (std::vector<std::string>{"__name__", "le", "quantile", "service", "site", "target"}));
  EXPECT_EQ(store.LabelValues("target"), (std::vector<std::string>{"a:1", "own"}));
  const std::vector<Matcher> sums = {
      Matcher::Make(MatchType::kRegexp, "__name__", ".+_sum").value()};
  const std::vector<Matcher> buckets = {Matcher::Equal("le", "0.5")};
  EXPECT_EQ(store.Series(std::vector{sums, buckets, sums}, 0, 2000).size(), 3u);
  EXPECT_TRUE(store.Series({}, 1001, 2000).empty());
}

TEST(Store, GoesOnAfterTheClockWasSet) {
  for (const TimestampMs by : {TimestampMs{3'600'000}, TimestampMs{-3'600'000}}) {
    Store store({{}, Millis(0)});
    const Sample sent{{{"__name__", "g"}, {"x", "sent"}}, 5'000'000, 1};
    store.Append("remote a", std::span(&sent, 1));
    Samples want;
    TimestampMs time = 5'000'000;
    for (int i = 0; i < 100; ++i, time += 15'000) {  // most rows get packed, some lie open
      store.Append(Gauges(time, {{"1", i}}));
      want.emplace_back(time + by, i);
    }
    store.ShiftTimes(Millis(by));
    for (int i = 100; i < 200; ++i, time += 15'000) {
      store.Append(Gauges(time + by, {{"1", i}}));
      want.emplace_back(time + by, i);
    }
    EXPECT_EQ(Read(store)["1"], want);
    EXPECT_EQ(Read(store)["sent"], (Samples{{5'000'000, 1}}));
    EXPECT_EQ(store.Stats().refused, 0u);
    EXPECT_EQ(Read(store, {want[150].first, want[151].first})["1"],
              (Samples{want[150], want[151]}));
  }
}

TEST(Store, MarksWhatTheNextBatchLacks) {
  Store store;
  store.Append(Gauges(1000, {{"1", 1}, {"2", 2}}));
  store.Append(Gauges(2000, {{"2", 3}}));
  store.Append(Gauges(3000, {{"2", 4}}));
  store.Append(Gauges(4000, {{"1", 5}, {"2", 6}, {"3", 7}}));
  EXPECT_EQ(Read(store), (std::map<std::string, Samples>{
                             {"1", {{1000, 1}, {2000, -1}, {4000, 5}}},  // one marker, then a gap
                             {"2", {{1000, 2}, {2000, 3}, {3000, 4}, {4000, 6}}},
                             {"3", {{4000, 7}}}}));
  store.Forget("redis", Labels{{"service", "shop"}, {"target", "a:1"}});
  auto read = Read(store, {4000, 5000});
  for (const char* x : {"1", "2", "3"})
    EXPECT_EQ(read[x].back(), std::pair(TimestampMs{4001}, -1.0));
  store.Append(Gauges(5000, {{"2", 8}}));  // and the target is back
  EXPECT_EQ(Read(store, {4001, 5000})["2"], (Samples{{4001, -1}, {5000, 8}}));
}

TEST(Store, TakesNoMarkerAndNoGapFromASource) {
  Store store;
  store.Append(Gauges(1000, {{"1", StaleMarker()}, {"2", std::bit_cast<double>(kGapBits)}}));
  for (const auto& [x, samples] : Read(store)) {
    ASSERT_EQ(samples.size(), 1u);
    EXPECT_EQ(std::bit_cast<std::uint64_t>(samples[0].second), kNanBits);
  }
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
  store.Append("test", std::span(samples).first(1));
  store.Append("other", std::span(samples).first(1));
  EXPECT_EQ(store.Stats().samples, 1u);
  EXPECT_EQ(store.Stats().refused, 4u);
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
  EXPECT_EQ(store.Stats().series, 2u);
  store.Prune(20'000);
  EXPECT_EQ(store.Stats().samples, 10u);
  EXPECT_EQ(store.Stats().series, 1u);  // a series without samples is gone
  EXPECT_EQ(store.LabelValues("a"), std::vector<std::string>{"1"});
  store.Prune(100'000);
  EXPECT_EQ(store.Stats().samples, 0u);
  EXPECT_EQ(store.Stats().series, 0u);
  EXPECT_TRUE(store.LabelNames().empty());
}

TEST(Store, GivesUpTheOldestWhereBytesAreShort) {
  StoreOptions options;
  options.max_bytes = 400'000;
  Store store(options);
  for (TimestampMs time = 0; time < 600'000; time += 1000) {
    std::vector<std::pair<std::string, double>> values;
    for (int i = 0; i < 200; ++i)
      values.emplace_back(std::to_string(i), 1.0 / static_cast<double>(1 + i + time));
    store.Append(Gauges(time, values));
  }
  EXPECT_GT(store.Stats().bytes, options.max_bytes);
  store.Prune(600'000);
  const StoreStats stats = store.Stats();
  EXPECT_LE(stats.bytes, options.max_bytes);
  EXPECT_GT(stats.samples, 200u);
  EXPECT_EQ(stats.samples + stats.dropped_for_bytes, 600u * 200u);
  EXPECT_EQ(Read(store).at("7").back().first, 599'000);
}

TEST(Store, KeepsHistogramsAndStartTimesBesideRows) {
  Store store;
  auto histogram = std::make_shared<FloatHistogram>();
  histogram->count = 3;
  const Labels labels{{"x", "1"}};
  store.Append("rule", std::vector<Sample>{{labels, 1000, 1}, {Labels{{"x", "2"}}, 1000, 5}});
  store.Append("rule", std::vector<Sample>{{labels, 2000, 0, histogram}});
  store.Append("rule", std::vector<Sample>{{labels, 3000, 3, nullptr, 500}});
  store.Append("other", std::vector<Sample>{{labels, 3500, 35}});
  store.Append("rule", std::vector<Sample>{{labels, 4000, 4}, {Labels{{"x", "2"}}, 4000, 6}});
  const auto view = store.Open();
  const std::vector<Matcher> matchers = {Matcher::Equal("x", "1")};
  const SeriesListPtr list = view->Find(matchers, nullptr, nullptr).value();
  const auto window = std::move(view->Read(list, {})).value();
  EXPECT_TRUE(window->parts().empty());  // a matrix would be silent about the histogram
  SampleBuffer scratch;
  const SeriesSamples samples = window->At(0, scratch);
  EXPECT_EQ(std::vector<TimestampMs>(samples.times.begin(), samples.times.end()),
            (std::vector<TimestampMs>{1000, 2000, 3000, 3500, 4000}));
  EXPECT_EQ(samples.histograms[1], histogram);
  EXPECT_EQ(samples.histograms[2], nullptr);
  EXPECT_EQ(samples.start_times[2], 500);
  EXPECT_EQ(samples.values[3], 35);
  EXPECT_EQ(samples.values[4], 4);
  EXPECT_EQ(Read(store)["2"], (Samples{{1000, 5}, {4000, 6}}));
}

TEST(Store, KeepsStreamsOfOneSourceApart) {
  Store store;
  for (TimestampMs time = 1000; time <= 100'000; time += 1000) {
    // Two rules that give their results under one name, for the same times.
    store.Append("rules", std::vector<Sample>{{Labels{{"x", "a"}}, time, 1}});
    store.Append("rules", std::vector<Sample>{{Labels{{"x", "b"}}, time, 2}});
  }
  EXPECT_EQ(store.Stats().samples, 200u);
  EXPECT_EQ(store.Stats().loose_bytes, 0u);
  EXPECT_EQ(Read(store)["b"].size(), 100u);
}

TEST(Store, ForgetsWhatEndedInAnyStream) {
  StoreOptions options;
  options.retention = Millis(10'000);
  Store store(options);
  for (TimestampMs time = 1000; time <= 100'000; time += 1000) {
    std::vector<Sample> first = {{Labels{{"x", "a"}}, time, 1}};
    if (time <= 20'000) first.push_back({Labels{{"x", "short"}}, time, 1});
    store.Append("rules", first);
    store.Append("rules", std::vector<Sample>{{Labels{{"x", "b"}}, time, 2}});
  }
  store.Prune(100'000);
  EXPECT_EQ(store.LabelValues("x"), (std::vector<std::string>{"a", "b"}));
}

TEST(Store, ShowsNothingThatCameAfterTheView) {
  Store store;
  store.Append(Gauges(1000, {{"1", 1}}));
  const auto view = store.Open();
  for (TimestampMs time = 2000; time <= 400'000; time += 1000)
    store.Append(Gauges(time, {{"1", 2}, {"2", 2}}));
  const Sample histogram[] = {{Labels{{"y", "1"}}, 2000, 1, std::make_shared<FloatHistogram>()}};
  store.Append("h", histogram);
  EXPECT_GT(store.Stats().sealed_samples, 0u);
  const SeriesListPtr list = view->Find({}, nullptr, nullptr).value();
  const auto window = std::move(view->Read(list, {})).value();
  EXPECT_TRUE(window->parts().empty());
  std::size_t samples = 0;
  SampleBuffer scratch;
  for (std::size_t i = 0; i < list->frame->size(); ++i)
    samples += window->At(i, scratch).times.size();
  EXPECT_EQ(samples, 1u);
}

TEST(Store, GivesRowsAsMatrices) {
  Store store;
  for (int row = 0; row < 10; ++row) {
    std::vector<std::pair<std::string, double>> values = {
        {"fell", row == 5 ? 0.0 : row}, {"rose", row}, {"none", row == 3 ? OrdinaryNan() : row}};
    if (row >= 4) values.emplace_back("late", row);
    store.Append(Gauges(1000 * row, values));
  }
  const auto view = store.Open();
  const std::vector<Matcher> matchers = {Matcher::Equal("__name__", "g")};
  const SeriesListPtr list = view->Find(matchers, nullptr, nullptr).value();
  // By the first row's time, which columns are known to rise from there on.
  const std::map<TimestampMs, std::string> rises = {{0, "1000"},    {2000, "0100"}, {3000, "0100"},
                                                    {4000, "0111"}, {5000, "0111"}, {6000, "1111"}};
  for (const auto& [from, expected] : rises) {
    const auto window = std::move(view->Read(list, {from, 8500})).value();
    ASSERT_EQ(window->parts().size(), 1u);
    const MatrixPart& part = window->parts()[0];
    EXPECT_EQ(part.first, 0u);
    EXPECT_EQ(part.columns.size(), 4u);
    EXPECT_EQ(part.first_time, from);
    EXPECT_EQ(part.last_time, 8000);
    EXPECT_EQ(part.rows, 9u - static_cast<std::size_t>(from / 1000));
    EXPECT_TRUE(part.complete);
    std::string found;
    for (std::size_t i = 0; i < 4; ++i) {
      found += part.Rises(i) ? '1' : '0';
      EXPECT_EQ(part.Last(i), 8);
      EXPECT_TRUE(!part.Rises(i) ||
                  part.first_row[part.columns[i]] == static_cast<double>(from) / 1000);
    }
    EXPECT_EQ(found, from == 0 ? "0100" : expected) << from;
  }
}

TEST(Store, SaysWhereAMatrixIsNotAll) {
  Store store;
  for (TimestampMs time = 0; time <= 3'600'000; time += 15'000)
    store.Append(Gauges(time, {{"1", static_cast<double>(time)}}));
  const auto view = store.Open();
  const SeriesListPtr list = view->Find({}, nullptr, nullptr).value();
  const auto five_minutes = std::move(view->Read(list, {3'300'001, 3'600'000})).value();
  ASSERT_EQ(five_minutes->parts().size(), 1u);
  EXPECT_TRUE(five_minutes->parts()[0].complete);
  EXPECT_EQ(five_minutes->parts()[0].rows, 20u);
  const auto hour = std::move(view->Read(list, {1, 3'600'000})).value();
  ASSERT_EQ(hour->parts().size(), 1u);
  EXPECT_FALSE(hour->parts()[0].complete);
  EXPECT_EQ(hour->parts()[0].Last(0), 3'600'000);
  SampleBuffer scratch;
  EXPECT_EQ(hour->At(0, scratch).times.size(), 240u);
  const auto past = std::move(view->Read(list, {1, 1'000'000})).value();
  EXPECT_TRUE(past->parts().empty());
  EXPECT_EQ(past->At(0, scratch).times.size(), 66u);
}

TEST(Store, FindsAListAgainWhileItHolds) {
  Store store;
  const auto append = [&](const char* target, TimestampMs time, std::size_t series) {
    Batch batch{"redis", Labels{{"target", target}}, time, true, {}};
    batch.families = {{"g", "", MetricType::Gauge, {}}};
    for (std::size_t i = 0; i < series; ++i)
      batch.families[0].metric.push_back(Gauge({{"i", std::to_string(i)}}, 1));
    store.Append(batch);
  };
  append("a", 1000, 2);
  append("b", 1000, 2);
  const std::vector<Matcher> of_a = {Matcher::Equal("__name__", "g"),
                                     Matcher::Equal("target", "a")};
  const std::vector<Matcher> of_all = {Matcher::Equal("__name__", "g")};
  const std::vector<Matcher> of_c = {Matcher::Equal("target", "c")};
  const auto find = [&](const std::vector<Matcher>& matchers, const SeriesListPtr& former) {
    return store.Open()->Find(matchers, nullptr, former).value();
  };
  const SeriesListPtr a = find(of_a, nullptr), all = find(of_all, nullptr), c = find(of_c, nullptr);
  append("a", 2000, 2);
  append("b", 2000, 3);
  EXPECT_EQ(find(of_a, a), a);
  EXPECT_EQ(find(of_c, c), c);
  EXPECT_NE(find(of_all, all), all);
  EXPECT_EQ(find(of_all, all)->frame->size(), 5u);
  append("a", 3000, 3);
  EXPECT_NE(find(of_a, a), a);
  append("c", 3000, 1);
  EXPECT_EQ(find(of_c, c)->frame->size(), 1u);
  const TimeRange before{0, 1500};
  EXPECT_EQ(store.Open()->Find(of_all, &before, nullptr).value()->frame->size(), 4u);
}

TEST(Store, BearsASourceThatNeverLooksTheSame) {
  StoreOptions options;
  options.retention = Millis(30'000);
  Store store(options);
  std::size_t most = 0;
  for (int round = 0; round < 500; ++round) {
    std::vector<std::pair<std::string, double>> values;
    for (int i = 0; i < 100; ++i)
      values.emplace_back(std::to_string(round) + "-" + std::to_string(i), 1);
    values.emplace_back("steady", round);
    store.Append(Gauges(round * 1000, values));
    if (round % 10 == 0) store.Prune(round * 1000);
    most = std::max(most, store.Stats().bytes);
  }
  EXPECT_LE(store.Stats().series, 42u * 100u + 1);  // markers are samples too
  EXPECT_LT(most, 6'000'000u);                      // of up to 4,200 series
  EXPECT_EQ(Read(store, {}, {Matcher::Equal("x", "steady")})["steady"].back().second, 499);
}

TEST(Store, NumbersTextsAnewWhenMostAreGarbage) {
  StoreOptions options;
  options.retention = Millis(10'000);
  Store store(options);
  const std::string padding(100, 'x');
  for (int round = 0; round < 120; ++round) {
    std::vector<std::pair<std::string, double>> values = {{"steady", round}};
    for (int i = 0; i < 100; ++i)
      values.emplace_back(padding + std::to_string(round) + "-" + std::to_string(i), 1);
    store.Append(Gauges(round * 1000, values));
  }
  const std::vector<Matcher> steady = {Matcher::Equal("x", "steady")};
  auto view = store.Open();
  const auto symbols = view->symbols();
  const SeriesListPtr former = view->Find(steady, nullptr, nullptr).value();
  store.Prune(120'000);
  EXPECT_EQ(store.Open()->symbols(), symbols);  // a view is open
  view.reset();
  store.Prune(120'000);
  EXPECT_NE(store.Open()->symbols(), symbols);
  EXPECT_LT(store.Open()->symbols()->size(), 3000u);
  EXPECT_NE(store.Open()->Find(steady, nullptr, former).value(), former);
  EXPECT_EQ(Read(store, {}, steady)["steady"].back().second, 119);
  store.Append(Gauges(120'000, {{"steady", 120}}));
  EXPECT_EQ(Read(store, {}, steady)["steady"].back().second, 120);
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

}  // namespace
}  // namespace tierwatch::series
