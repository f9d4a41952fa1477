#include "exporter/chart/unit.h"

#include <gmock/gmock.h>

namespace tierwatch {
namespace {

using testing::ElementsAre;

Unit Of(const char* expr) { return UnitOf(**promql::Parse(expr)); }

TEST(ChartUnit, FollowsNamesAndWhatIsDoneWithThem) {
  EXPECT_EQ(Of("lag_seconds"), Unit::kSeconds);
  EXPECT_EQ(Of("max by (x) (lag_seconds)"), Unit::kSeconds);
  EXPECT_EQ(Of("count(lag_seconds)"), Unit::kCount);
  EXPECT_EQ(Of("absent(lag_seconds)"), Unit::kCount);
  EXPECT_EQ(Of("histogram_quantile(0.95, sum by (le) (rate(d_seconds_bucket[5m])))"),
            Unit::kSeconds);
  EXPECT_EQ(Of("rate(d_seconds_bucket[5m])"), Unit::kCount);
  EXPECT_EQ(Of("rate(cpu_seconds_total[5m])"), Unit::kRatio);
  EXPECT_EQ(Of("rate(sent_bytes_total[5m])"), Unit::kBytes);
  EXPECT_EQ(Of("used_bytes / (max_bytes > 0)"), Unit::kRatio);
  EXPECT_EQ(Of("hits_total / (hits_total + misses_total)"), Unit::kRatio);
  EXPECT_EQ(Of("used_bytes / 2"), Unit::kBytes);
  EXPECT_EQ(Of("rate(d_seconds_sum[5m]) / rate(d_seconds_count[5m])"), Unit::kSeconds);
  EXPECT_EQ(Of("time() - start_time_seconds"), Unit::kSeconds);
  EXPECT_EQ(Of("start_time_seconds"), Unit::kCount);
  EXPECT_EQ(Of("-lag_seconds > 5"), Unit::kSeconds);
  EXPECT_EQ(Of("lag_seconds > bool 5"), Unit::kCount);
  EXPECT_EQ(Of("up"), Unit::kCount);
}

TEST(ChartAxis, MarksAreRoundInTheirUnit) {
  EXPECT_THAT(AxisMarks(0, 9.3, Unit::kCount), ElementsAre(0, 2, 4, 6, 8, 10));
  EXPECT_THAT(AxisMarks(-1, 1, Unit::kCount), ElementsAre(-1, -.5, 0, .5, 1));
  EXPECT_THAT(AxisMarks(0, 3 * 1024 * 1024, Unit::kBytes),
              ElementsAre(0, 1048576, 2 * 1048576, 3 * 1048576));
  EXPECT_THAT(AxisMarks(0, 9 * 86'400, Unit::kSeconds),
              ElementsAre(0, 2 * 86'400, 4 * 86'400, 6 * 86'400, 8 * 86'400, 10 * 86'400));
  EXPECT_EQ(AxisMarks(0, 0.9, Unit::kRatio).back(), 1);
}

TEST(ChartAxis, HugeAndTinyRangesEnd) {
  for (const double high : {1e-300, 1e-9, 1e9, 1e300}) {
    const std::vector<double> marks = AxisMarks(0, high, Unit::kCount);
    EXPECT_GE(marks.size(), 2u) << high;
    EXPECT_LE(marks.size(), 16u) << high;
    EXPECT_GE(marks.back(), high * .999) << high;
  }
}

}  // namespace
}  // namespace tierwatch
