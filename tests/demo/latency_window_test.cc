// Nearest-rank percentiles over a sliding window.
#include "demo/latency_window.h"

#include <gtest/gtest.h>

namespace tierwatch::demo {
namespace {

using namespace std::chrono_literals;

TEST(LatencyWindow, NearestRank) {
  LatencyWindow window(10s);
  EXPECT_FALSE(window.At(SteadyTime(0s)).has_value());
  for (int millis = 100; millis >= 1; --millis) window.Add(SteadyTime(1s), Millis(millis));
  EXPECT_DOUBLE_EQ(window.At(SteadyTime(1s))->p50, 50);  // 50 of 100 are not above
  EXPECT_DOUBLE_EQ(window.At(SteadyTime(1s))->p95, 95);
}

TEST(LatencyWindow, OneMeasurementIsAllPercentiles) {
  LatencyWindow window(10s);
  window.Add(SteadyTime(1s), 1500us);
  EXPECT_DOUBLE_EQ(window.At(SteadyTime(1s))->p50, 1.5);
  EXPECT_DOUBLE_EQ(window.At(SteadyTime(1s))->p95, 1.5);
}

TEST(LatencyWindow, ForgetsWhatIsOlderThanTheSpan) {
  LatencyWindow window(10s);
  window.Add(SteadyTime(1s), 500ms);
  window.Add(SteadyTime(5s), 1ms);
  EXPECT_DOUBLE_EQ(window.At(SteadyTime(11s))->p95, 500);
  EXPECT_DOUBLE_EQ(window.At(SteadyTime(11s + 1ms))->p95, 1);
  EXPECT_FALSE(window.At(SteadyTime(16s)).has_value());
}

}  // namespace
}  // namespace tierwatch::demo
