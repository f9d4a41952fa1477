// The fault script: how it is read, and what it sets when.
#include "demo/faults.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tierwatch::demo {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(Faults, TheDefaultScriptHasOneOfEachWithinThreeMinutes) {
  Diagnostics diagnostics;
  const auto faults = ParseFaults(DefaultFaults(), "demo/faults.yml", diagnostics);
  ASSERT_TRUE(faults.has_value()) << diagnostics.ToString();
  std::vector<FaultKind> kinds;
  Millis end{0};
  for (const Fault& fault : *faults) {
    kinds.push_back(fault.kind);
    EXPECT_GT(fault.at, end) << "faults overlap: " << Describe(fault);
    end = fault.at + fault.duration;
  }
  EXPECT_THAT(
      kinds, ElementsAre(FaultKind::kDown, FaultKind::kErrors, FaultKind::kSlow, FaultKind::kCold));
  EXPECT_LT(end, 150s);
}

TEST(Faults, EveryMistakeIsReportedWithItsPlace) {
  struct Case {
    const char* text;
    const char* finding;
  };
  for (const Case& one : std::initializer_list<Case>{
           {"faults:\n  - {at: 1s, for: 1s, fault: dwon, tier: L1-Memory}",
            "f.yml:2:23: fault: found \"dwon\", expected down, errors, slow or cold"},
           {"faults:\n  - {at: 1s, for: 0s, fault: cold}", "f.yml:2:14: for: expected a duration"},
           {"faults:\n  - {at: 1s, fault: cold}", "for: expected a duration"},
           {"faults:\n  - {at: 1s, for: 1s, fault: down, tier: L9}",
            "tier: found \"L9\", expected one of L1-Memory, L2-Encore, L3-Redis"},
           {"faults:\n  - {at: 1s, for: 1s, fault: errors, tier: L1-Memory}", "ratio"},
           {"faults:\n  - {at: 1s, for: 1s, fault: errors, tier: L1-Memory, ratio: 2}",
            "ratio: expected a number above 0, up to 1"},
           {"faults:\n  - {at: 1s, for: 1s, fault: cold, teir: L1-Memory}", "teir"},
           {"faults: 3", "expected a list"},
           {"{}", "faults"},
           {"faults: [", "f.yml:"},
       }) {
    Diagnostics diagnostics;
    EXPECT_FALSE(ParseFaults(one.text, "f.yml", diagnostics).has_value()) << one.text;
    EXPECT_THAT(diagnostics.ToString(), HasSubstr(one.finding)) << one.text;
  }
}

TEST(Faults, PlaysTheScript) {
  LinkFaults l1;
  LinkFaults l2;
  int colds = 0;
  std::vector<std::string> told;
  const auto fault = [](Millis at, FaultKind kind, std::string tier) {
    Fault made;
    made.at = at;
    made.duration = 5s;
    made.kind = kind;
    made.tier = std::move(tier);
    made.error_ratio = kind == FaultKind::kErrors ? 0.25 : 0;
    made.extra_latency = kind == FaultKind::kSlow ? 180ms : 0ms;
    return made;
  };
  FaultPlayer player(
      {fault(10s, FaultKind::kDown, "L1-Memory"), fault(12s, FaultKind::kErrors, "L2-Encore"),
       fault(20s, FaultKind::kSlow, "L2-Encore"), fault(30s, FaultKind::kCold, "")},
      {.links = {{"L1-Memory", &l1}, {"L2-Encore", &l2}},
       .make_cold = [&colds] { ++colds; },
       .tell = [&told](
                   const Fault& one,
                   bool began) { told.push_back((began ? "begin: " : "end: ") + Describe(one)); }});

  player.Advance(9'999ms);
  EXPECT_FALSE(l1.down);
  player.Advance(13s);
  EXPECT_TRUE(l1.down);
  EXPECT_FALSE(l2.down);
  EXPECT_EQ(l2.error_ratio, 0.25);
  EXPECT_EQ(l1.error_ratio, 0);
  player.Advance(15s);
  EXPECT_FALSE(l1.down);
  player.Advance(20s);
  EXPECT_EQ(l2.error_ratio, 0);
  EXPECT_EQ(l2.extra_micros, 180'000);
  EXPECT_EQ(colds, 0);
  player.Advance(30s);
  player.Advance(31s);
  EXPECT_EQ(l2.extra_micros, 0);
  EXPECT_EQ(colds, 2);
  EXPECT_FALSE(player.done());
  player.Advance(35s);
  EXPECT_EQ(colds, 2);
  EXPECT_TRUE(player.done());
  const std::string cold = "the cache is cold: everything in it is invalidated again and again";
  EXPECT_THAT(
      told, ElementsAre("begin: L1-Memory is down", "begin: 25 % of the calls to L2-Encore fail",
                        "end: L1-Memory is down", "end: 25 % of the calls to L2-Encore fail",
                        "begin: L2-Encore answers 180ms late", "end: L2-Encore answers 180ms late",
                        "begin: " + cold, "end: " + cold));
}

TEST(Faults, AFaultThatNobodySawIsOver) {
  LinkFaults l1;
  Fault fault;
  fault.at = 1s;
  fault.duration = 1s;
  fault.tier = "L1-Memory";
  FaultPlayer player({fault}, {.links = {{"L1-Memory", &l1}},
                               .make_cold = [] {},
                               .tell = [](const Fault&, bool) { FAIL(); }});
  player.Advance(5s);  // a machine that slept
  EXPECT_FALSE(l1.down);
  EXPECT_TRUE(player.done());
}

}  // namespace
}  // namespace tierwatch::demo
