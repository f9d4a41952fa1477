#include "base/duration.h"

#include <gtest/gtest.h>

namespace tierwatch {
namespace {

TEST(Duration, ReadsPrometheusDurations) {
  const struct {
    const char* text;
    std::int64_t ms;
  } cases[] = {{"0", 0},
               {"0s", 0},
               {"250ms", 250},
               {"15s", 15'000},
               {"1h30m", 5'400'000},
               {"1d12h", 129'600'000},
               {"1y", 31'536'000'000},
               {"1w", 604'800'000}};
  for (const auto& c : cases) {
    const auto parsed = ParseDuration(c.text);
    ASSERT_TRUE(parsed.ok()) << c.text << ": " << parsed.error().message;
    EXPECT_EQ(parsed->count(), c.ms) << c.text;
  }
}

TEST(Duration, RefusesWhatPrometheusRefuses) {
  for (const char* text :
       {"", "1", "s", "1.5h", "-1s", "1s1m", "1m1m", "1 s", "1x", "99999999999y"}) {
    EXPECT_FALSE(ParseDuration(text).ok()) << text;
  }
}

TEST(Duration, PrintsWhatItReads) {
  for (const char* text : {"0s", "1ms", "15s", "1m30s", "1h", "1d", "8d", "1w", "1y", "366d"}) {
    EXPECT_EQ(FormatDuration(ParseDuration(text).value()), text);
  }
}

TEST(Size, ReadsBothPowers) {
  EXPECT_EQ(ParseSize("1KiB").value(), 1024);
  EXPECT_EQ(ParseSize("2KB").value(), 2000);
  EXPECT_EQ(ParseSize("7").value(), 7);
  for (const char* text : {"", "-1", "1 KiB", "KiB", "1kib", "99999999TiB"}) {
    EXPECT_FALSE(ParseSize(text).ok()) << text;
  }
}

TEST(Timestamp, ReadsAndWritesRfc3339) {
  EXPECT_EQ(ParseTimestamp("2025-11-07T20:00:00.000Z").value(), 1'762'545'600'000);
  EXPECT_EQ(ParseTimestamp("2025-11-07T22:00:00+02:00").value(), 1'762'545'600'000);
  EXPECT_EQ(ParseTimestamp("1970-01-01T00:00:00.25Z").value(), 250);
  EXPECT_EQ(FormatTimestamp(1'762'545'600'000), "2025-11-07T20:00:00Z");
  EXPECT_EQ(FormatTimestamp(1'762'545'600'250), "2025-11-07T20:00:00.25Z");
  for (const char* text :
       {"", "2025-11-07", "2025-13-07T20:00:00Z", "2025-11-07T20:00:00", "2025-11-07T20:00:00.Z"}) {
    EXPECT_FALSE(ParseTimestamp(text).ok()) << text;
  }
}

}  // namespace
}  // namespace tierwatch
