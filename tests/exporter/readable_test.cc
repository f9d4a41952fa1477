#include "exporter/readable.h"

#include <gtest/gtest.h>

#include <limits>

namespace tierwatch {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST(Readable, SpeaksToPeople) {
  EXPECT_EQ(FormatRatio(0.8734), "87.3 %");
  EXPECT_EQ(FormatRatio(1), "100 %");
  EXPECT_EQ(FormatRatio(kNan), "—");
  EXPECT_EQ(FormatSeconds(0.0042), "4.2 ms");
  EXPECT_EQ(FormatSeconds(0), "0 s");
  EXPECT_EQ(FormatSeconds(11'520), "3 h 12 min");
  EXPECT_EQ(FormatSeconds(90'000), "1 d 1 h");
  EXPECT_EQ(FormatSeconds(kInfinity), "∞");
  EXPECT_EQ(FormatBytes(1536), "1.5 KiB");
  EXPECT_EQ(FormatCount(12'400), "12.4 k");
  EXPECT_EQ(FormatCount(7), "7");
}

}  // namespace
}  // namespace tierwatch
