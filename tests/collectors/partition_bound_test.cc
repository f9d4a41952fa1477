#include "collectors/partition_bound.h"

#include <gtest/gtest.h>

#include <cmath>

namespace tierwatch {
namespace {

// Seconds since the Unix epoch by `date -u -d … +%s`; texts as PostgreSQL 15 prints them.
TEST(PartitionBound, PlacesTimesExactly) {
  const std::pair<const char*, double> cases[] = {{"2000-01-01", 946684800},
                                                  {"2025-12-01", 1764547200},
                                                  {"2025-12-01 00:00:00", 1764547200},
                                                  {"2025-12-01 00:00:00+00", 1764547200},
                                                  {"2025-12-01 02:30:00+02:30", 1764547200},
                                                  {"2025-11-30 20:00:00-04", 1764547200},
                                                  {"2025-12-01 00:00:00.25", 1764547200.25},
                                                  {"2024-02-29", 1709164800},
                                                  {"10000-01-01", 253402300800},
                                                  {"0001-01-01", -62135596800},
                                                  {"0001-12-31 BC", -62135683200},
                                                  {"infinity", INFINITY},
                                                  {"-infinity", -INFINITY}};
  for (const auto& [text, seconds] : cases) {
    const auto position = PositionOf(KeyAxis::kTime, {BoundValue::Kind::kLiteral, text});
    ASSERT_TRUE(position) << text;
    EXPECT_EQ(UnixSeconds(*position), seconds) << text;
  }
}

TEST(PartitionBound, NeverGuesses) {
  for (const char* text :
       {"", "2025-13-01", "2025-02-30", "01/02/2025", "2025-1-1", "2025-12-01 25:00:00",
        "2025-12-01 00:00:00 CET", "2025-12-01x", "0000-01-01", "5874897-12-31", "now"}) {
    EXPECT_FALSE(PositionOf(KeyAxis::kTime, {BoundValue::Kind::kLiteral, text})) << text;
  }
  for (const char* text : {"", "1.5", "9223372036854775808", "0x10", " 1"}) {
    EXPECT_FALSE(PositionOf(KeyAxis::kInteger, {BoundValue::Kind::kLiteral, text})) << text;
  }
  EXPECT_FALSE(PositionOf(KeyAxis::kUnknown, {BoundValue::Kind::kLiteral, "1"}));
  EXPECT_FALSE(PositionOf(KeyAxis::kTime, {BoundValue::Kind::kNull, ""}));
  EXPECT_EQ(AxisOfType("text"), KeyAxis::kUnknown);
  EXPECT_EQ(AxisOfType("numeric"), KeyAxis::kUnknown);
}

TEST(PartitionBound, ReadsWhatPostgresPrints) {
  using Kind = BoundValue::Kind;
  const std::pair<const char*, PartitionBound> cases[] = {
      {"DEFAULT", {}},
      {"FOR VALUES FROM (MINVALUE) TO (100)",
       {PartitionBound::Kind::kRange, {{Kind::kMin, ""}}, {{Kind::kLiteral, "100"}}, {}}},
      {"FOR VALUES FROM ('999', 'a') TO ('1000', MAXVALUE)",
       {PartitionBound::Kind::kRange,
        {{Kind::kLiteral, "999"}, {Kind::kLiteral, "a"}},
        {{Kind::kLiteral, "1000"}, {Kind::kMax, ""}},
        {}}},
      {"FOR VALUES IN ('it''s (), MAXVALUE', NULL, 'NULL', true)",
       {PartitionBound::Kind::kList,
        {},
        {},
        {{Kind::kLiteral, "it's (), MAXVALUE"},
         {Kind::kNull, ""},
         {Kind::kLiteral, "NULL"},
         {Kind::kLiteral, "true"}}}},
      {"FOR VALUES WITH (modulus 16, remainder 3)",
       {PartitionBound::Kind::kHash, {}, {}, {}, 16, 3}}};
  for (const auto& [text, bound] : cases) EXPECT_EQ(ParsePartitionBound(text), bound) << text;
  for (const char* text :
       {"", "DEFAULT ", "FOR VALUES", "FOR VALUES FROM () TO ()", "FOR VALUES FROM (1) TO (1, 2)",
        "FOR VALUES FROM ('1) TO ('2')", "FOR VALUES IN (1", "FOR VALUES IN (1) x",
        "FOR VALUES WITH (modulus 4)", "FOR VALUES WITH (modulus 99999999999, remainder 0)"}) {
    EXPECT_FALSE(ParsePartitionBound(text)) << text;
  }
}

std::string Days(const char* from, const char* to) {
  return std::string("FOR VALUES FROM ('") + from + "') TO ('" + to + "')";
}

TEST(RangeCoverage, RunwayEndsAtTheFirstGapAfterNow) {
  const double now = 1764547200;  // 2025-12-01
  const auto coverage = RangeCoverage::Of(
      KeyAxis::kTime,
      {Days("2026-02-01", "2026-03-01"), "DEFAULT", Days("2025-11-01", "2025-12-02"),
       Days("2025-12-02", "2025-12-04"), Days("2026-01-01", "2026-02-01")});
  ASSERT_TRUE(coverage);
  EXPECT_EQ(coverage->RunwaySeconds(now), 3 * 86400);
  EXPECT_EQ(coverage->gaps(), 1u);
  EXPECT_EQ(coverage->RunwaySeconds(now + 5 * 86400), 0);    // in the gap
  EXPECT_EQ(coverage->RunwaySeconds(now - 400 * 86400), 0);  // before the first
  EXPECT_EQ(coverage->RunwaySeconds(now + 3 * 86400), 0);    // the end is exclusive
  EXPECT_EQ(UnixSeconds(*coverage->upper()), 1772323200);    // 2026-03-01
}

TEST(RangeCoverage, KnowsNothingRatherThanHalf) {
  EXPECT_FALSE(
      RangeCoverage::Of(KeyAxis::kTime, {Days("2025-01-01", "2025-02-01"), Days("x", "y")}));
  EXPECT_FALSE(RangeCoverage::Of(KeyAxis::kTime,
                                 {"FOR VALUES FROM ('2025-01-01', 1) TO ('2025-02-01', 1)"}));
  const auto none = RangeCoverage::Of(KeyAxis::kTime, {});
  ASSERT_TRUE(none);
  EXPECT_EQ(none->RunwaySeconds(0), 0);
  EXPECT_FALSE(none->lower());
  const auto open =
      RangeCoverage::Of(KeyAxis::kTime, {"FOR VALUES FROM ('2025-01-01') TO (MAXVALUE)"});
  EXPECT_EQ(open->RunwaySeconds(1764547200), INFINITY);
  // bigint beyond a double's 53 bits: a hole of one is still a hole.
  const auto integers =
      RangeCoverage::Of(KeyAxis::kInteger, {"FOR VALUES FROM ('1') TO ('9007199254740992')",
                                            "FOR VALUES FROM ('9007199254740993') TO (MAXVALUE)"});
  EXPECT_EQ(integers->gaps(), 1u);
}

}  // namespace
}  // namespace tierwatch
