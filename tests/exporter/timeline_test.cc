#include "exporter/timeline.h"

#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"

namespace tierwatch {
namespace {

TEST(Timeline, GoesOnWithSteadyTimeUntilTheJumpIsAdopted) {
  FakeClock machine(1'000'000'000);
  Timeline timeline(machine);
  machine.Advance(Millis(5'000));
  EXPECT_EQ(timeline.Now(), 1'000'005'000);
  machine.JumpWall(Millis(-3'600'000));
  machine.Advance(Millis(1'000));
  EXPECT_EQ(timeline.Now(), 1'000'006'000);
  EXPECT_EQ(timeline.Follow(), Millis(-3'600'000));
  EXPECT_EQ(timeline.Now(), 1'000'006'000);
  timeline.Adopt();
  EXPECT_EQ(timeline.Now(), 1'000'006'000 - 3'600'000);
  EXPECT_EQ(timeline.Follow(), Millis(0));
}

TEST(Timeline, FollowsTheMachineWhereItDriftsOrIsSlewed) {
  FakeClock machine(1'000'000'000);
  Timeline timeline(machine);
  for (int i = 0; i < 100; ++i) {
    machine.Advance(Millis(1'000));
    machine.JumpWall(Millis(150));
    EXPECT_EQ(timeline.Now(), machine.Now());
    EXPECT_EQ(timeline.Follow(), Millis(0));
  }
}

}  // namespace
}  // namespace tierwatch
