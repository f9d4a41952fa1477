// Names of statements that stick, sums that never fall; by hand arithmetic.
#include "collectors/statement_totals.h"

#include <gtest/gtest.h>

#include <string>

namespace tierwatch {
namespace {

using Statements = std::map<StatementKey, StatementCost>;

// A statement that has run for `seconds` in as many calls.
Statements::value_type Ran(const std::string& queryid, double seconds) {
  return {{"orgs", queryid}, {seconds, seconds}};
}

std::string Names(const StatementTotals& totals) {
  std::string names;
  for (const auto& [key, cost] : totals.Named()) names += key.queryid;
  return names;
}

double Seconds(const StatementTotals& totals, const std::string& queryid) {
  return totals.Named().at({"orgs", queryid})[kSeconds];
}

TEST(StatementTotals, TheHeaviestAreNamedAndTheRestIsCountedFromTheFirstSamplingOn) {
  StatementTotals totals(2);
  totals.Update({Ran("a", 100), Ran("b", 50), Ran("c", 20), Ran("d", 10)});
  EXPECT_EQ(Names(totals), "ab");
  EXPECT_EQ(Seconds(totals, "a"), 100);
  EXPECT_EQ(totals.Others(), (StatementCost{}));
  // c and d did 1 and 2, e came with 4; what has left (b) leaves nothing behind.
  totals.Update({Ran("a", 101), Ran("c", 21), Ran("d", 12), Ran("e", 4)});
  EXPECT_EQ(Names(totals), "ac");
  EXPECT_EQ(Seconds(totals, "c"), 21);
  EXPECT_EQ(totals.Others()[kSeconds], 6);
}

TEST(StatementTotals, ANameIsLostOnlyToWhoIsHeavierForSeveralSamplings) {
  StatementTotals totals(1);
  double a = 10, b = 0;
  const auto update = [&](double more_a, double more_b) {
    a += more_a;
    b += more_b;
    totals.Update({Ran("a", a), Ran("b", b)});
    return Names(totals);
  };
  EXPECT_EQ(update(0, 0), "a");
  // Once in front is not enough, and neither is three times.
  EXPECT_EQ(update(0, 30), "a");
  EXPECT_EQ(update(100, 0), "a");
  EXPECT_EQ(update(0, 200), "a");
  EXPECT_EQ(update(0, 0), "a");
  EXPECT_EQ(update(0, 0), "a");
  EXPECT_EQ(totals.Others()[kSeconds], 230);
  EXPECT_EQ(update(1, 10), "b");
  // What b did before stays with the others; what a does from now on comes to them.
  EXPECT_EQ(Seconds(totals, "b"), 240);
  EXPECT_EQ(totals.Others()[kSeconds], 231);
  EXPECT_EQ(update(2, 10), "b");
  EXPECT_EQ(totals.Others()[kSeconds], 233);
}

TEST(StatementTotals, OldLoadIsForgotten) {
  StatementTotals totals(1);
  // A day's work long ago, against one second per sampling now: 86,400 · (15/16)^n < 16 · (1 −
  // (15/16)^n) from n = 134 on.
  double b = 0;
  int samplings = 0;
  for (; samplings < 1'000 && Names(totals) != "b"; ++samplings) {
    totals.Update({Ran("a", 86'400), Ran("b", b)});
    b += 1;
  }
  EXPECT_EQ(samplings, 1 + 134 + StickyTop<StatementKey>::kPatience - 1);
}

TEST(StatementTotals, NothingFallsWhenTheServerCountsBack) {
  StatementTotals totals(1);
  totals.Update({Ran("a", 100), Ran("b", 10)});
  totals.Update({Ran("a", 70), Ran("b", 3)});
  EXPECT_EQ(Seconds(totals, "a"), 100);
  EXPECT_EQ(totals.Others()[kSeconds], 0);
  totals.Update({Ran("a", 75), Ran("b", 4)});
  EXPECT_EQ(Seconds(totals, "a"), 105);
  EXPECT_EQ(totals.Others()[kSeconds], 1);
  totals.Update({});
  EXPECT_EQ(Names(totals), "");
  EXPECT_EQ(totals.Others()[kSeconds], 1);
}

TEST(StatementTotals, WithoutNamesAllAreOthers) {
  StatementTotals totals(0);
  totals.Update({Ran("a", 100)});
  totals.Update({Ran("a", 101)});
  EXPECT_EQ(Names(totals), "");
  EXPECT_EQ(totals.Others()[kSeconds], 1);
}

TEST(StatementTotals, EqualLoadsDoNotTakeTurns) {
  StatementTotals totals(1);
  totals.Update({Ran("b", 16)});
  for (int i = 0; i < 20; ++i) {
    totals.Update({Ran("a", 15), Ran("b", 16)});  // b's load is 16 · 15/16 by now
    ASSERT_EQ(Names(totals), "b") << i;
  }
}

}  // namespace
}  // namespace tierwatch
