// The demo's story: lines on the terminal, and when an alert is done.
#include "exporter/commands/demo_story.h"

#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"
#include "tests/support/files.h"

namespace tierwatch {
namespace {

using namespace std::chrono_literals;

demo::Page PageOf(std::string name, bool firing) {
  demo::Page page;
  page.firing = firing;
  page.name = std::move(name);
  page.severity = "critical";
  page.summary = "It is down";
  page.starts_at = 1'762'545'604'000;  // 2025-11-07T20:00:04Z
  page.ends_at = firing ? 0 : page.starts_at + 9'000;
  return page;
}

class DemoStoryTest : public testing::Test {
 protected:
  ~DemoStoryTest() override { std::fclose(out_); }
  std::string Told() const { return ReadFile(path_); }

  TempDir dir_;
  std::string path_ = dir_.Write("story", "");
  std::FILE* out_ = std::fopen(path_.c_str(), "w");
  FakeClock clock_;
  DemoStory story_{{"Down", "Slow"}, out_, clock_};
};

TEST_F(DemoStoryTest, TellsFaultsAndPagesWithTheTimeSinceTheStart) {
  demo::Fault fault;
  fault.duration = 10s;
  fault.tier = "L3-Redis";
  clock_.Advance(10s);
  story_.TellFault(fault, true);
  clock_.Advance(1s);
  story_.TellPage(PageOf("Down", true));
  clock_.Advance(69s);
  story_.TellFault(fault, false);
  story_.TellPage(PageOf("Down", false));
  EXPECT_EQ(Told(),
            "00:10  fault     L3-Redis is down, for 10s\n"
            "00:11  FIRING    Down              critical  since 20:00:04\n"
            "                 It is down\n"
            "01:20  repaired  no longer: L3-Redis is down\n"
            "01:20  RESOLVED  Down              critical  since 20:00:04, after 9s\n"
            "                 It is down\n");
}

TEST_F(DemoStoryTest, AnAlertIsDoneOnceItHasFiredAndResolved) {
  EXPECT_EQ(story_.expected(), 2u);
  EXPECT_EQ(story_.Done(), 0u);
  EXPECT_EQ(story_.Missing(), "Down, Slow");
  story_.TellPage(PageOf("Down", true));
  story_.TellPage(PageOf("SomethingElse", true));
  EXPECT_EQ(story_.Done(), 0u);
  story_.TellPage(PageOf("Down", false));
  EXPECT_EQ(story_.Done(), 1u);
  EXPECT_EQ(story_.Missing(), "Slow");
  story_.TellPage(PageOf("Slow", true));
  story_.TellPage(PageOf("Slow", false));
  EXPECT_EQ(story_.Done(), 2u);
  story_.TellPage(PageOf("Slow", true));  // again
  EXPECT_EQ(story_.Missing(), "Slow");
}

}  // namespace
}  // namespace tierwatch
