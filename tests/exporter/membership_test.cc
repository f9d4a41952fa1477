// Which members are watched, by what their sources said and when.
#include "exporter/membership.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tierwatch {
namespace {

using testing::ElementsAre;

Membership Of(std::initializer_list<const char*> sources) {
  Membership membership(
      [](const std::string&) -> Result<WatchedTarget> { return Error{"unused"}; });
  for (const char* name : sources) membership.AddSource(name);
  return membership;
}

TEST(Membership, WantsWhatAllNameWithoutTheSourcesThemselves) {
  Membership membership = Of({"seed1", "seed2"});
  membership.Told("seed1", Members{{"ip1", "ip2", "ip3"}, "ip1"});
  // Under which address seed2 is a member is not known yet.
  EXPECT_EQ(membership.Wanted(), std::nullopt);
  membership.Told("seed2", Members{{"ip1", "ip2", "ip3", "ip4"}, "ip2"});
  EXPECT_THAT(*membership.Wanted(), ElementsAre("ip3", "ip4"));
}

TEST(Membership, ASourceThatIsDownHasNoSay) {
  Membership membership = Of({"s1", "s2"});
  membership.Told("s1", Members{{"a", "b"}, ""});
  membership.Told("s2", Members{{"a", "b"}, ""});
  EXPECT_THAT(*membership.Wanted(), ElementsAre("a", "b"));
  membership.Told("s1", std::nullopt);
  membership.Told("s2", Members{{"b", "c"}, ""});
  EXPECT_THAT(*membership.Wanted(), ElementsAre("b", "c"));
  membership.Told("s2", std::nullopt);
  EXPECT_EQ(membership.Wanted(), std::nullopt);  // as it is
  membership.Told("s1", Members{{"c"}, ""});
  EXPECT_THAT(*membership.Wanted(), ElementsAre("c"));
}

TEST(Membership, ASourceThatDiedIsNotWatchedTwice) {
  Membership membership = Of({"seed1", "seed2"});
  membership.Told("seed1", Members{{"ip1", "ip2"}, "ip1"});
  membership.Told("seed2", Members{{"ip1", "ip2"}, "ip2"});
  membership.Told("seed1", std::nullopt);
  EXPECT_THAT(*membership.Wanted(), ElementsAre());
}

}  // namespace
}  // namespace tierwatch
