// By Alertmanager's openapi.yaml, postAlertsHandler and Alert.Validate.
#include "exporter/api/posted_alerts.h"

#include <gtest/gtest.h>

namespace tierwatch::api {
namespace {

constexpr TimestampMs kNow = 1'700'000'000'000;  // 2023-11-14T22:13:20Z

PostedAlerts Read(std::string_view body) { return ReadPostedAlerts(body, kNow, Millis{300'000}); }

TEST(PostedAlertsTest, WholeAlert) {
  const PostedAlerts posted =
      Read(R"([{"labels":{"alertname":"A","empty":"","b":"ü"},"annotations":{"s":"t"},)"
           R"("startsAt":"2023-11-14T22:13:10.5Z","endsAt":"2023-11-14T23:13:20+01:00",)"
           R"("generatorURL":"http://p/graph?g0.expr=1","unknown":[1]}])");
  EXPECT_EQ(posted.error, "");
  ASSERT_EQ(posted.alerts.size(), 1u);
  const Alert& alert = posted.alerts[0];
  EXPECT_EQ(alert.labels, (Labels{{"alertname", "A"}, {"b", "ü"}}));
  EXPECT_EQ(alert.annotations, (Labels{{"s", "t"}}));
  EXPECT_EQ(alert.fired_at, kNow - 9'500);
  EXPECT_EQ(alert.state, AlertState::kResolved) << "it ends now";
  EXPECT_EQ(alert.resolved_at, kNow);
  EXPECT_EQ(alert.generator_url, "http://p/graph?g0.expr=1");
}

TEST(PostedAlertsTest, TimesThatAreNotGiven) {
  const PostedAlerts posted = Read(
      R"([{"labels":{"n":"none"}},
          {"labels":{"n":"end"},"endsAt":"2023-11-14T22:14:20Z"},
          {"labels":{"n":"start"},"startsAt":"2023-11-14T22:13:10Z","endsAt":"0001-01-01T00:00:00.000Z"},
          {"labels":{"n":"past"},"startsAt":null,"endsAt":"2023-11-14T22:13:19Z"}])");
  EXPECT_EQ(posted.error, "");
  ASSERT_EQ(posted.alerts.size(), 4u);
  const auto& [none, end, start, past] =
      std::tie(posted.alerts[0], posted.alerts[1], posted.alerts[2], posted.alerts[3]);
  EXPECT_EQ(none.fired_at, kNow);
  EXPECT_EQ(none.valid_until, kNow + 300'000);
  EXPECT_EQ(none.ending, AlertEnding::kAssumed);
  EXPECT_EQ(end.fired_at, kNow + 60'000) << "as Alertmanager has it";
  EXPECT_EQ(end.valid_until, kNow + 60'000);
  EXPECT_EQ(end.ending, AlertEnding::kTold);
  EXPECT_EQ(start.fired_at, kNow - 10'000);
  EXPECT_EQ(start.valid_until, kNow + 300'000);
  EXPECT_EQ(past.state, AlertState::kResolved);
  EXPECT_EQ(past.fired_at, past.resolved_at);
}

TEST(PostedAlertsTest, InvalidOnesDoNotSpoilTheOthers) {
  const PostedAlerts posted = Read(
      R"([{"labels":{}}, {"labels":{"a":"b"},"startsAt":"2023-11-14T22:13:20Z","endsAt":"2023-11-14T22:13:19Z"},
          7, {"labels":{"a":1}}, {"labels":{"":"x"}}, {"labels":{"a":"b"},"startsAt":"soon"},
          {"labels":{"a":"good"},"generatorURL":"javascript:alert"}])");
  ASSERT_EQ(posted.alerts.size(), 1u);
  EXPECT_EQ(posted.alerts[0].generator_url, "");
  for (const char* want : {"at least one label pair required", "start time must be before end time",
                           "an alert is an object", R"(labels: the value of "a" is no string)",
                           R"(invalid label set: invalid name "")", "startsAt: "}) {
    EXPECT_NE(posted.error.find(want), std::string::npos) << posted.error;
  }
}

TEST(PostedAlertsTest, BodiesThatAreNoList) {
  for (const std::string& body :
       {std::string(), std::string("{}"), std::string("[{]"), std::string("null"),
        std::string("[\"\xff\"]"), std::string(900'000, '[')}) {
    const PostedAlerts posted = Read(body);
    EXPECT_EQ(posted.error, "expected a JSON list of alerts") << body.substr(0, 20);
    EXPECT_TRUE(posted.alerts.empty());
  }
  EXPECT_EQ(Read("[]").error, "");
}

}  // namespace
}  // namespace tierwatch::api
