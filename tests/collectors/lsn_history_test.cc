#include "collectors/lsn_history.h"

#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"

namespace tierwatch {
namespace {

TEST(Lsn, ParsesPostgressText) {
  EXPECT_EQ(ParseLsn("16/B374D848"), 0x16B374D848u);
  EXPECT_EQ(ParseLsn("FFFFFFFF/FFFFFFFF"), ~Lsn{0});
  for (const char* text :
       {"", "/", "1", "1/", "/1", "1/1/1", "g/1", "100000000/0", "-1/0", "1/ 2"}) {
    EXPECT_FALSE(ParseLsn(text)) << text;
  }
}

TEST(LsnHistory, KnowsNothingAtFirst) {
  const LsnHistory history;
  EXPECT_FALSE(history.LagOf(1, FakeClock().Steady()));
}

// The primary is at 100, 100, 200, 300 at 0, 10, 20, 30 s; judged at 35 s.
TEST(LsnHistory, LagIsTheAgeOfTheOldestLsnNotReplayed) {
  FakeClock clock;
  LsnHistory history;
  for (const Lsn lsn : {100, 100, 200, 300}) {
    history.Add(clock.Steady(), lsn);
    clock.Advance(Millis{10'000});
  }
  clock.Advance(Millis{-5'000});
  const struct {
    Lsn replayed;
    double seconds;
    bool at_least;
  } cases[] = {{300, 0, false},  {301, 0, false},  {299, 5, false}, {200, 5, false},
               {199, 15, false}, {100, 15, false}, {99, 35, true}};
  for (const auto& test : cases) {
    const auto lag = history.LagOf(test.replayed, clock.Steady());
    ASSERT_TRUE(lag);
    EXPECT_EQ(lag->seconds, test.seconds) << test.replayed;
    EXPECT_EQ(lag->at_least, test.at_least) << test.replayed;
  }
}

TEST(LsnHistory, AnLsnThatFallsBeginsAnotherHistory) {
  FakeClock clock;
  LsnHistory history;
  history.Add(clock.Steady(), 500);
  clock.Advance(Millis{1'000});
  history.Add(clock.Steady(), 400);
  EXPECT_EQ(history.Last(), 400u);
  EXPECT_EQ(history.LagOf(400, clock.Steady())->seconds, 0);
}

TEST(LsnHistory, IsBoundedAndKeepsTheOldest) {
  FakeClock clock;
  LsnHistory history;
  const SteadyTime start = clock.Steady();
  for (Lsn lsn = 1; lsn <= 10 * LsnHistory::kMostSamples; ++lsn) {
    history.Add(clock.Steady(), lsn);
    clock.Advance(Millis{1'000});
  }
  const auto lag = history.LagOf(0, clock.Steady());
  EXPECT_EQ(lag->since, start);
  EXPECT_EQ(history.LagOf(10 * LsnHistory::kMostSamples - 1, clock.Steady())->seconds, 1);
}

}  // namespace
}  // namespace tierwatch
