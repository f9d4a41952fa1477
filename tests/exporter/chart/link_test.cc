#include "exporter/chart/link.h"

#include <gmock/gmock.h>

#include <filesystem>

#include "tests/support/files.h"

namespace tierwatch {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr TimestampMs kNow = 1'762'545'600'000;
constexpr Millis kLifetime{3'600'000};

Alert Example() {
  Alert alert;
  alert.labels = {{"alertname", "Slow"}, {"path", "/a?b=c&d \"e\""}};
  alert.generator_url = "https://tw.example/x/graph?g0.expr=lag%7Ba%3D%22b%22%7D+%3E+5&g0.tab=1";
  return alert;
}

ServerRequest Follow(const std::string& link) {
  ServerRequest request;
  request.method = "GET";
  request.query = link.substr(link.find('?') + 1);
  return request;
}

class ChartLinkTest : public testing::Test {
 protected:
  const ChartLinks links_{"https://tw.example/x", "secret", kLifetime};
};

TEST_F(ChartLinkTest, WhoFollowsALinkAsksWhatItWasMadeOf) {
  const std::string link = links_.For(Example(), kNow);
  EXPECT_THAT(link, StartsWith("https://tw.example/x/chart.png?expr=lag%7B"));
  const Result<ChartQuestion> question = links_.Read(Follow(link), kNow + 5'000);
  ASSERT_TRUE(question.ok()) << question.error().message;
  EXPECT_EQ(question->expr, "lag{a=\"b\"} > 5");
  EXPECT_EQ(question->alert, Example().labels);
  EXPECT_EQ(question->end, kNow + 5'000);
}

TEST_F(ChartLinkTest, AlertsOfOthersHaveNone) {
  Alert alert = Example();
  alert.generator_url = "https://other.example/graph?g0.expr=up";
  EXPECT_EQ(links_.For(alert, kNow), "");
  alert.generator_url = "";
  EXPECT_EQ(links_.For(alert, kNow), "");
  alert.generator_url = "/graph?g0.expr=up";  // nobody could follow it
  EXPECT_EQ(ChartLinks("", "secret", kLifetime).For(alert, kNow), "");
}

TEST_F(ChartLinkTest, ChangedForeignAndExpiredOnesAreRefused) {
  const std::string link = links_.For(Example(), kNow);
  const auto why = [&](const std::string& text, TimestampMs now = kNow) {
    const Result<ChartQuestion> question = links_.Read(Follow(text), now);
    return question.ok() ? "taken" : question.error().message;
  };
  EXPECT_EQ(why(link, kNow + kLifetime.count()), "taken");
  EXPECT_THAT(why(link, kNow + kLifetime.count() + 1'000), HasSubstr("expired"));
  for (const std::string& changed :
       {link.substr(0, link.size() - 1), link + "0", "?x=1&" + link.substr(link.find('?') + 1),
        std::string(link).replace(link.find("expr=lag"), 8, "expr=log")}) {
    EXPECT_THAT(why(changed), HasSubstr("wrong")) << changed;
  }
  EXPECT_THAT(why(link + "&signature="), HasSubstr("wrong"));
  EXPECT_THAT(why(link.substr(0, link.find("&signature"))), HasSubstr("not signed"));
  const ChartLinks other("https://tw.example/x", "another secret", kLifetime);
  EXPECT_THAT(why(other.For(Example(), kNow)), HasSubstr("wrong"));
}

TEST(ChartKeyTest, OutlivesTheProcessWhereItCan) {
  const TempDir dir;
  const std::string key = ChartKey(dir.path());
  EXPECT_EQ(key.size(), 32u);
  EXPECT_EQ(ChartKey(dir.path()), key);
  EXPECT_EQ(std::filesystem::status(dir.path() + "/chart.key").permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  EXPECT_NE(ChartKey(""), ChartKey(""));
  EXPECT_EQ(ChartKey(dir.path() + "/absent").size(), 32u);
}

}  // namespace
}  // namespace tierwatch
