// The text format: expected pages are written by hand from Prometheus's description of the format.
#include "exporter/text_format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <random>

#include "tests/support/files.h"

namespace tierwatch {
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

MetricFamily Gauges(const std::string& name, std::vector<ClientMetric> metrics) {
  return {name, "Help of " + name + ".", MetricType::Gauge, std::move(metrics)};
}

std::string Value(double value) {
  std::string text;
  AppendValue(text, value);
  return text;
}

TEST(TextFormat, MergesTargetLabelsSortedAndTheMetricsOwnLabelWins) {
  const std::string page =
      RenderText({Gauges("tier_entries",
                         {Gauge({{"tier", "L1"}, {"env", "test"}}, 5), Gauge({{"a", ""}}, 6)})},
                 Labels{{"service", "api"}, {"env", "prod"}});
  EXPECT_EQ(page,
            "# HELP tier_entries Help of tier_entries.\n"
            "# TYPE tier_entries gauge\n"
            "tier_entries{env=\"test\",service=\"api\",tier=\"L1\"} 5\n"
            "tier_entries{env=\"prod\",service=\"api\"} 6\n");
}

TEST(TextFormat, FamiliesAreSortedAndEmptyOnesLeftOut) {
  const std::string page =
      RenderText({Gauges("b", {Gauge({}, 1)}), Gauges("c", {}), Gauges("a", {Gauge({}, 2)})}, {});
  EXPECT_EQ(page,
            "# HELP a Help of a.\n# TYPE a gauge\na 2\n"
            "# HELP b Help of b.\n# TYPE b gauge\nb 1\n");
}

TEST(TextFormat, EscapesHelpAndLabelValues) {
  MetricFamily family = Gauges("m", {Gauge({{"l", "a\"b\\c\nd\xff\xc3\xa9"}}, 1)});
  family.help = "one\ntwo \\ \"three\"\r";
  EXPECT_EQ(RenderText({family}, {}),
            "# HELP m one\\ntwo \\\\ \"three\" \n"
            "# TYPE m gauge\n"
            "m{l=\"a\\\"b\\\\c\\nd\xef\xbf\xbd\xc3\xa9\"} 1\n");
}

TEST(TextFormat, HistogramEndsWithInfinityThenSumAndCount) {
  ClientMetric metric;
  metric.label = {{"cmd", "get"}};
  metric.histogram = {7, 1.5, {{3, 0.1}, {6, 2.5}}};
  MetricFamily family{"h", "", MetricType::Histogram, {metric}};
  const std::string want =
      "# TYPE h histogram\n"
      "h_bucket{cmd=\"get\",le=\"0.1\"} 3\n"
      "h_bucket{cmd=\"get\",le=\"2.5\"} 6\n"
      "h_bucket{cmd=\"get\",le=\"+Inf\"} 7\n"
      "h_sum{cmd=\"get\"} 1.5\n"
      "h_count{cmd=\"get\"} 7\n";
  EXPECT_EQ(RenderText({family}, {}), want);
  family.metric[0].histogram.bucket.push_back({7, HUGE_VAL});
  EXPECT_EQ(RenderText({family}, {}), want);
}

TEST(TextFormat, SummaryAndTimestamp) {
  ClientMetric metric;
  metric.summary = {2, 3, {{0.5, 1}, {0.99, std::nan("")}}};
  metric.timestamp_ms = 1'700'000'000'123;
  EXPECT_EQ(RenderText({{"s", "", MetricType::Summary, {metric}}}, {}),
            "# TYPE s summary\n"
            "s{quantile=\"0.5\"} 1 1700000000123\n"
            "s{quantile=\"0.99\"} NaN 1700000000123\n"
            "s_sum 3 1700000000123\n"
            "s_count 2 1700000000123\n");
}

TEST(TextFormat, Values) {
  EXPECT_EQ(Value(HUGE_VAL), "+Inf");
  EXPECT_EQ(Value(-HUGE_VAL), "-Inf");
  EXPECT_EQ(Value(std::nan("")), "NaN");
  EXPECT_EQ(Value(-0.0), "-0");
  EXPECT_EQ(Value(0.0), "0");
  EXPECT_EQ(Value(1e6), "1000000");
  EXPECT_EQ(Value(0.1 + 0.2), "0.30000000000000004");
  EXPECT_EQ(Value(std::numeric_limits<double>::max()), "1.7976931348623157e+308");
}

TEST(TextFormat, EveryValueReadsBackToTheSameBits) {
  std::mt19937_64 random(7);
  const double edges[] = {
      5e-324, 2.2250738585072014e-308, 9007199254740993.0, 1e15, 1e15 - 1, -1e15, 1e22};
  for (int i = 0; i < 200'000; ++i) {
    const double value = i < 7 ? edges[i] : std::bit_cast<double>(random());
    if (std::isnan(value)) continue;
    const double back = std::strtod(Value(value).c_str(), nullptr);
    ASSERT_EQ(std::bit_cast<std::uint64_t>(back), std::bit_cast<std::uint64_t>(value)) << value;
  }
}

TEST(TextFormat, ASeriesTwiceCostsOnlyItself) {
  const MetricFamily family =
      Gauges("m", {Gauge({{"a", "1"}, {"b", "2"}}, 1), Gauge({{"b", "2"}, {"a", "1"}}, 2),
                   Gauge({{"a", "1"}}, 3), Gauge({{"a", "1"}}, 4), Gauge({{"a", "9"}}, 5)});
  const BatchText batch = RenderBatch({family, family}, {});
  EXPECT_EQ(batch.dropped, 7u);
  ASSERT_EQ(batch.families.size(), 1u);
  EXPECT_EQ(batch.families[0].text, "m{a=\"1\",b=\"2\"} 1\nm{a=\"1\"} 3\nm{a=\"9\"} 5\n");
}

TEST(TextFormat, WhatTheFormatForbidsCostsOnlyItself) {
  const std::vector<MetricFamily> families{
      Gauges("bad-name", {Gauge({}, 1)}),
      Gauges("m",
             {Gauge({{"bad-label", "x"}}, 1), Gauge({{"a", "1"}, {"a", "2"}}, 2), Gauge({}, 3)}),
      {"m", "", MetricType::Counter, {Gauge({{"x", "y"}}, 1)}},
      {"h", "", MetricType::Histogram, {Gauge({{"le", "1"}}, 1)}}};
  const BatchText batch = RenderBatch(families, {});
  EXPECT_EQ(batch.dropped, 5u);
  ASSERT_EQ(batch.families.size(), 1u);
  EXPECT_EQ(batch.families[0].text, "m 3\n");
}

TEST(TextFormat, APageHasOneHeadPerFamilyAndTheFirstOfEqualSeries) {
  const BatchText a = RenderBatch({Gauges("m", {Gauge({}, 1)}), Gauges("z", {Gauge({}, 0)})},
                                  Labels{{"target", "a"}});
  const BatchText b = RenderBatch({Gauges("m", {Gauge({}, 2), Gauge({{"target", "a"}}, 9)})},
                                  Labels{{"target", "b"}});
  const BatchText c = RenderBatch({{"m", "", MetricType::Counter, {Gauge({}, 3)}}}, {});
  const BatchText* const batches[] = {&a, &b, &c};
  const PageText page = JoinPage(batches);
  EXPECT_EQ(page.text,
            "# HELP m Help of m.\n# TYPE m gauge\n"
            "m{target=\"a\"} 1\nm{target=\"b\"} 2\n"
            "# HELP z Help of z.\n# TYPE z gauge\nz{target=\"a\"} 0\n");
  EXPECT_EQ(page.dropped, 2u);
}

TEST(TextFormat, PromtoolTakesThePage) {
  if (std::system("promtool --version > /dev/null 2>&1") != 0) GTEST_SKIP() << "no promtool";
  ClientMetric histogram;
  histogram.histogram = {2, 3, {{1, 0.5}, {2, HUGE_VAL}}};
  MetricFamily nasty = Gauges("tierwatch_nasty_seconds", {});
  nasty.help = "a\nb\\ \xff\r";
  std::string every_byte;
  for (int c = 0; c < 256; ++c) every_byte += static_cast<char>(c);
  nasty.metric.push_back(Gauge({{"l", every_byte}}, std::numeric_limits<double>::max()));
  const TempDir dir;
  const std::string path = dir.Write(
      "page",
      RenderText({nasty, {"tierwatch_probe_seconds", "H.", MetricType::Histogram, {histogram}}},
                 Labels{{"service", "s"}}));
  EXPECT_EQ(std::system(("promtool check metrics < " + path).c_str()), 0);
}

}  // namespace
}  // namespace tierwatch
