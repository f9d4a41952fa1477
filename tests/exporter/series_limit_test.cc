#include "exporter/series_limit.h"

#include <gmock/gmock.h>

namespace tierwatch {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

prometheus::MetricFamily Family(const std::string& name, std::size_t series) {
  return {name, "Help.", prometheus::MetricType::Gauge,
          std::vector<prometheus::ClientMetric>(series)};
}

using Sizes = std::vector<std::pair<std::string, std::size_t>>;

// Runs a sample of these families through the limit; gives what is left and what was dropped.
class SeriesLimitTest : public testing::Test {
 protected:
  Sizes Left(const Sizes& sizes) {
    std::vector<prometheus::MetricFamily> families;
    for (const auto& [name, series] : sizes) families.push_back(Family(name, series));
    dropped_.clear();
    for (const DroppedFamily& dropped : limit_.Apply(families))
      dropped_.emplace_back(dropped.name, dropped.series);
    Sizes left;
    for (const auto& family : families) left.emplace_back(family.name, family.metric.size());
    return left;
  }

  SeriesLimit limit_{100};
  Sizes dropped_;
};

TEST_F(SeriesLimitTest, WhatFitsStays) {
  EXPECT_EQ(Left({{"a", 60}, {"b", 40}}), (Sizes{{"a", 60}, {"b", 40}}));
  EXPECT_THAT(dropped_, IsEmpty());
}

TEST_F(SeriesLimitTest, TheFamilyThatGrewGoesWholeAndStaysAwayWhileThereIsTooMuch) {
  Left({{"big", 60}, {"grows", 10}, {"other", 5}});
  EXPECT_EQ(Left({{"big", 61}, {"grows", 40}, {"other", 5}}),
            (Sizes{{"big", 61}, {"grows", 0}, {"other", 5}}));
  EXPECT_THAT(dropped_, ElementsAre(std::pair("grows", 40)));
  // It grew by less than it had: still it is the one.
  EXPECT_EQ(Left({{"big", 75}, {"grows", 36}, {"other", 5}}),
            (Sizes{{"big", 75}, {"grows", 0}, {"other", 5}}));
  EXPECT_EQ(Left({{"big", 61}, {"grows", 12}, {"other", 5}}),
            (Sizes{{"big", 61}, {"grows", 12}, {"other", 5}}));
  EXPECT_THAT(dropped_, IsEmpty());
}

TEST_F(SeriesLimitTest, WithoutAPastTheLargestGoes) {
  EXPECT_EQ(Left({{"small", 10}, {"huge", 500}, {"large", 99}}),
            (Sizes{{"small", 10}, {"huge", 0}, {"large", 0}}));
  EXPECT_THAT(dropped_, ElementsAre(std::pair("huge", 500), std::pair("large", 99)));
}

TEST_F(SeriesLimitTest, HistogramsCountWithTheirBuckets) {
  prometheus::MetricFamily histogram = Family("h", 2);
  histogram.type = prometheus::MetricType::Histogram;
  for (auto& metric : histogram.metric) metric.histogram.bucket.resize(12);
  EXPECT_EQ(SeriesOf(histogram), 28u);
}

TEST_F(SeriesLimitTest, AMetricWithAnEndlessLabelIsLeftOut) {
  std::vector<prometheus::MetricFamily> families{Family("a", 2)};
  families[0].metric[1].label = {{"l", std::string(1'025, 'x')}};
  families[0].metric[0].label = {{"l", std::string(1'024, 'x')}};
  const auto dropped = limit_.Apply(families);
  ASSERT_EQ(dropped.size(), 1u);
  EXPECT_EQ(dropped[0].name, "a");
  EXPECT_EQ(dropped[0].series, 1u);
  EXPECT_EQ(families[0].metric.size(), 1u);
}

}  // namespace
}  // namespace tierwatch
