// Inhibition and time intervals: tables, by the documentation of Alertmanager's configuration.
#include <gtest/gtest.h>

#include "alerts/notify/config.h"
#include "alerts/notify/dispatcher.h"
#include "base/duration.h"
#include "tests/support/fake_clock.h"
#include "tests/support/notify_config.h"

namespace tierwatch {
namespace {

Alert Firing(Labels labels) {
  Alert alert;
  alert.labels = std::move(labels);
  alert.state = AlertState::kFiring;
  return alert;
}

constexpr const char* kNobody = "route: {receiver: r}\nreceivers: [{name: r}]\n";

TEST(InhibitorTest, MutesTargetsWithEqualLabelsWhileASourceFires) {
  const NotifyConfig config = NotifyConfigOf(std::string(kNobody) + R"(
inhibit_rules:
  - source_matchers: [alertname="Down"]
    target_match: {severity: warning}
    target_match_re: {alertname: "High.*|Down"}
    equal: [service, zone]
)");
  Inhibitor inhibitor(config.inhibit_rules);
  const Labels target{{"alertname", "HighLatency"}, {"severity", "warning"}, {"service", "a"}};
  EXPECT_FALSE(inhibitor.Mutes(target)) << "nothing fires";
  Alert source = Firing({{"alertname", "Down"}, {"service", "a"}});
  inhibitor.Put(source);
  EXPECT_TRUE(inhibitor.Mutes(target)) << "an absent label equals an absent one";
  struct Case {
    Labels labels;
    bool muted;
  };
  const Case cases[] = {
      {{{"alertname", "HighLatency"}, {"severity", "warning"}, {"service", "b"}}, false},
      {{{"alertname", "HighLatency"}, {"severity", "warning"}, {"service", "a"}, {"zone", "x"}},
       false},
      {{{"alertname", "HighLatency"}, {"severity", "critical"}, {"service", "a"}}, false},
      {{{"alertname", "Low"}, {"severity", "warning"}, {"service", "a"}}, false},
      {{{"alertname", "HighRate"}, {"severity", "warning"}, {"service", "a"}}, true},
      // Both sides of the rule: the source is not a target, so it mutes even this one.
      {{{"alertname", "Down"}, {"severity", "warning"}, {"service", "a"}}, true},
  };
  for (const Case& c : cases) EXPECT_EQ(inhibitor.Mutes(c.labels), c.muted) << c.labels.ToString();
  source.state = AlertState::kResolved;
  inhibitor.Put(source);
  EXPECT_FALSE(inhibitor.Mutes(target));
}

TEST(InhibitorTest, AnAlertOnBothSidesMutesNoOther) {
  const NotifyConfig config = NotifyConfigOf(std::string(kNobody) + R"(
inhibit_rules: [{source_match: {a: x}, target_match_re: {b: ".+"}}]
)");
  Inhibitor inhibitor(config.inhibit_rules);
  const Labels both{{"a", "x"}, {"b", "1"}};
  inhibitor.Put(Firing(both));
  EXPECT_FALSE(inhibitor.Mutes(both)) << "not by itself";
  EXPECT_FALSE(inhibitor.Mutes({{"a", "x"}, {"b", "2"}})) << "nor by one like it";
  EXPECT_TRUE(inhibitor.Mutes({{"b", "2"}})) << "but what is no source is a target";
}

TEST(TimeIntervalTest, Table) {
  struct Case {
    const char* interval;
    const char* time;
    bool holds;
  };
  const Case cases[] = {
      {"{}", "2024-02-29T12:00:00Z", true},
      // From start_time on, until just before end_time.
      {"times: [{start_time: '09:00', end_time: '17:00'}]", "2024-02-29T08:59:59Z", false},
      {"times: [{start_time: '09:00', end_time: '17:00'}]", "2024-02-29T09:00:00Z", true},
      {"times: [{start_time: '09:00', end_time: '17:00'}]", "2024-02-29T16:59:59Z", true},
      {"times: [{start_time: '09:00', end_time: '17:00'}]", "2024-02-29T17:00:00Z", false},
      {"times: [{start_time: '23:00', end_time: '24:00'}]", "2024-02-29T23:59:00Z", true},
      // 2024-02-29 was a Thursday.
      {"weekdays: ['monday:friday']", "2024-02-29T12:00:00Z", true},
      {"weekdays: ['Saturday', 'sunday']", "2024-02-29T12:00:00Z", false},
      {"weekdays: ['saturday', 'sunday']", "2024-03-03T12:00:00Z", true},
      {"days_of_month: ['1:5']", "2024-03-05T12:00:00Z", true},
      {"days_of_month: ['1:5']", "2024-03-06T12:00:00Z", false},
      // The last days of a month, however long it is.
      {"days_of_month: ['-1']", "2024-02-29T12:00:00Z", true},
      {"days_of_month: ['-1']", "2023-02-28T12:00:00Z", true},
      {"days_of_month: ['-3:-1']", "2024-02-27T12:00:00Z", true},
      {"days_of_month: ['-3:-1']", "2024-02-26T12:00:00Z", false},
      {"days_of_month: ['1:-1']", "2024-02-26T12:00:00Z", true},
      {"days_of_month: ['31']", "2024-02-29T12:00:00Z", false},
      {"months: ['january:march', '12']", "2024-02-29T12:00:00Z", true},
      {"months: ['january:march', '12']", "2024-12-01T12:00:00Z", true},
      {"months: ['4:5']", "2024-03-31T23:59:59Z", false},
      {"years: ['2020:2022', '2024']", "2024-03-31T23:59:59Z", true},
      {"years: ['2020:2022']", "2024-03-31T23:59:59Z", false},
      // Berlin: UTC+1, UTC+2 from 2024-03-31T01:00:00Z to 2024-10-27T01:00:00Z.
      {"{times: [{start_time: '09:00', end_time: '10:00'}], location: Europe/Berlin}",
       "2024-02-29T08:30:00Z", true},
      {"{times: [{start_time: '09:00', end_time: '10:00'}], location: Europe/Berlin}",
       "2024-07-01T08:30:00Z", false},
      {"{times: [{start_time: '09:00', end_time: '10:00'}], location: Europe/Berlin}",
       "2024-07-01T07:30:00Z", true},
      {"{weekdays: [friday], location: Asia/Tokyo}", "2024-02-29T15:00:00Z", true},
      // All that is given must hold.
      {"{weekdays: [thursday], months: ['3']}", "2024-02-29T12:00:00Z", false},
  };
  for (const Case& c : cases) {
    const NotifyConfig config =
        NotifyConfigOf(std::string(kNobody) + "time_intervals: [{name: t, time_intervals: [{" +
                       (c.interval[0] == '{'
                            ? std::string(c.interval).substr(1, std::string(c.interval).size() - 2)
                            : std::string(c.interval)) +
                       "}]}]\n");
    EXPECT_EQ(config.time_intervals.at("t").at(0).Holds(ParseTimestamp(c.time).value()), c.holds)
        << c.interval << " at " << c.time;
  }
}

struct Scene {
  explicit Scene(const std::string& yaml, TimestampMs now)
      : config(NotifyConfigOf(yaml)), clock(now) {}
  std::size_t Run() {
    const std::size_t before = told.size();
    dispatcher.RunDue();
    return told.size() - before;
  }
  NotifyConfig config;
  FakeClock clock;
  std::vector<Notification> told;
  Ledger ledger{":memory:", 0};
  Dispatcher dispatcher{DispatcherParts{config,
                                        "http://tw",
                                        clock,
                                        ledger,
                                        [this](Notification n) { told.push_back(std::move(n)); },
                                        {}}};
};

constexpr const char* kRoutes = R"(
route:
  receiver: r
  group_by: ['...']
  group_wait: 0s
  group_interval: 1m
  routes:
    - matchers: [when=night]
      mute_time_intervals: [days]
    - matchers: [when=day]
      active_time_intervals: [days]
receivers: [{name: r, webhook_configs: [{url: "http://h"}]}]
time_intervals:
  - name: days
    time_intervals: [{times: [{start_time: '06:00', end_time: '18:00'}]}]
inhibit_rules: [{source_match: {alertname: Big}, target_match: {alertname: Small}}]
)";

TEST(DispatcherMutingTest, RoutesAreMutedAndActiveByTime) {
  Scene scene(kRoutes, ParseTimestamp("2024-02-29T17:58:30Z").value());
  scene.dispatcher.Put({Firing({{"alertname", "N"}, {"when", "night"}}),
                        Firing({{"alertname", "D"}, {"when", "day"}})});
  ASSERT_EQ(scene.Run(), 1u);
  EXPECT_EQ(scene.told[0].group_labels.Get("alertname"), "D");
  scene.clock.Advance(Millis{60'000});
  EXPECT_EQ(scene.Run(), 0u) << "17:59:30";
  scene.clock.Advance(Millis{60'000});
  ASSERT_EQ(scene.Run(), 1u) << "18:00:30";
  EXPECT_EQ(scene.told[1].group_labels.Get("alertname"), "N");
  EXPECT_EQ(scene.told[1].reason, NotifyReason::kFirst);
}

TEST(DispatcherMutingTest, AnInhibitedAlertIsToldOnceItsSourceIsGone) {
  Scene scene(kRoutes, ParseTimestamp("2024-02-29T12:00:00Z").value());
  Alert big = Firing({{"alertname", "Big"}});
  scene.dispatcher.Put({Firing({{"alertname", "Small"}}), big});
  ASSERT_EQ(scene.Run(), 1u);
  EXPECT_EQ(scene.told[0].group_labels.Get("alertname"), "Big");
  scene.clock.Advance(Millis{60'000});
  EXPECT_EQ(scene.Run(), 0u);
  big.state = AlertState::kResolved;
  scene.dispatcher.Put({big});
  scene.clock.Advance(Millis{60'000});
  EXPECT_EQ(scene.Run(), 2u) << "Big resolved, Small first told";
}

}  // namespace
}  // namespace tierwatch
