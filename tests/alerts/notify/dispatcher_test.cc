#include "alerts/notify/dispatcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"
#include "tests/support/notify_config.h"

namespace tierwatch {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

// A dispatcher under a configuration; what it tells is kept as "integration reason: alert status
// …".
class Scene {
 public:
  explicit Scene(std::string_view yaml,
                 std::function<std::string(const Alert&, TimestampMs)> chart_url = {}) {
    config_ = NotifyConfigOf(yaml);
    config_.chart_url = std::move(chart_url);
    Restart();
  }

  /// Commits, and begins anew from the database, as a process that was killed would.
  void Restart() {
    EXPECT_TRUE(ledger_.Commit().ok());
    dispatcher_ = std::make_unique<Dispatcher>(DispatcherParts{
        config_, "http://tw", clock_, ledger_, [this](const Notification& n) { Take(n); },
        [this](const Labels& labels) { return silenced_ == labels; }});
    std::vector<std::string> damaged;
    dispatcher_->Restore(*ledger_.Load(damaged), minutes(15));
    EXPECT_THAT(damaged, IsEmpty());
  }
  void FallBack(const std::string& queue, const std::string& group_key) {
    dispatcher_->FallBack(queue, group_key);
  }
  void SetAway(const std::string& queue, bool away) { dispatcher_->SetAway(queue, away); }
  void Silence(Labels labels) { silenced_ = std::move(labels); }

  void Fire(Labels labels) { Put(std::move(labels), AlertState::kFiring); }
  void Resolve(Labels labels) { Put(std::move(labels), AlertState::kResolved); }
  void Put(Labels labels, AlertState state, Millis age = Millis{0}, Labels annotations = {}) {
    Alert alert;
    alert.annotations = std::move(annotations);
    alert.labels = std::move(labels);
    alert.state = state;
    alert.fired_at = clock_.Now() - age.count();
    alert.resolved_at = state == AlertState::kResolved ? clock_.Now() : 0;
    dispatcher_->Put({alert});
  }
  /// Moves time on and gives what is told then.
  std::vector<std::string> After(Millis time) {
    clock_.Advance(time);
    next_ = dispatcher_->RunDue();
    return std::exchange(told_, {});
  }
  std::vector<std::string> Now() { return After(Millis{0}); }
  Millis UntilNext() const { return std::chrono::duration_cast<Millis>(next_ - clock_.Steady()); }
  bool NothingLeft() const { return dispatcher_->group_count() == 0; }
  const Notification& last() const { return last_; }
  FakeClock& clock() { return clock_; }

 private:
  void Take(const Notification& n) {
    std::string text = n.integration + " " + std::string(NotifyReasonName(n.reason)) + ":";
    for (const Alert& alert : n.alerts) {
      text += " " + std::string(alert.labels.Get("alertname")) +
              (alert.state == AlertState::kFiring ? "" : "-");
    }
    told_.push_back(text);
    last_ = n;
  }

  FakeClock clock_;
  NotifyConfig config_;
  Ledger ledger_{":memory:", clock_.Now()};
  Labels silenced_{{"none", "none"}};
  std::unique_ptr<Dispatcher> dispatcher_;
  SteadyTime next_;
  std::vector<std::string> told_;
  Notification last_;
};

constexpr std::string_view kOneReceiver = R"(
route: {receiver: r, group_by: [service], group_wait: 10s, group_interval: 1m, repeat_interval: 1h}
receivers: [{name: r, webhook_configs: [{url: "http://h"}]}]
)";

const Labels kA{{"alertname", "A"}, {"service", "s"}};
const Labels kB{{"alertname", "B"}, {"service", "s"}};
const Labels kC{{"alertname", "C"}, {"service", "t"}};

TEST(DispatcherTest, AlertsAreToldWithTheirCharts) {
  Scene scene(kOneReceiver, [](const Alert& alert, TimestampMs) {
    return "http://tw/chart.png?" + std::string(alert.labels.Get("alertname"));
  });
  scene.Fire(kA);
  scene.Put(kB, AlertState::kFiring, Millis{0}, {{"chart_url", "http://mine"}});
  scene.After(seconds(10));
  ASSERT_EQ(scene.last().alerts.size(), 2u);
  EXPECT_EQ(scene.last().alerts[0].annotations.Get("chart_url"), "http://tw/chart.png?A");
  EXPECT_EQ(scene.last().alerts[1].annotations.Get("chart_url"), "http://mine");
}

TEST(DispatcherTest, WaitsThenTellsTheGroupOnce) {
  Scene scene(kOneReceiver);
  scene.Fire(kA);
  EXPECT_THAT(scene.Now(), IsEmpty());
  EXPECT_EQ(scene.UntilNext(), seconds(10));
  scene.clock().Advance(seconds(4));
  scene.Fire(kB);
  scene.Fire(kC);
  EXPECT_THAT(scene.After(seconds(6)), ElementsAre("r/webhook[0] first notification: A B"));
  EXPECT_EQ(scene.last().group_key, R"({}:{service="s"})");
  EXPECT_EQ(scene.last().group_labels, (Labels{{"service", "s"}}));
  EXPECT_EQ(scene.last().external_url, "http://tw");
  EXPECT_THAT(scene.After(seconds(4)), ElementsAre("r/webhook[0] first notification: C"));
  EXPECT_THAT(scene.After(minutes(1)), IsEmpty());
}

TEST(DispatcherTest, TellsNewAlertsAtTheNextInterval) {
  Scene scene(kOneReceiver);
  scene.Fire(kA);
  scene.After(seconds(10));
  scene.clock().Advance(seconds(5));
  scene.Fire(kB);
  EXPECT_THAT(scene.After(seconds(54)), IsEmpty());
  EXPECT_THAT(scene.After(seconds(1)), ElementsAre("r/webhook[0] new alerts added: A B"));
}

TEST(DispatcherTest, TellsResolvedOnesOnceAndForgetsTheGroup) {
  Scene scene(kOneReceiver);
  scene.Fire(kA);
  scene.Fire(kB);
  scene.After(seconds(10));
  scene.Resolve(kA);
  EXPECT_THAT(scene.After(minutes(1)), ElementsAre("r/webhook[0] some alerts resolved: A- B"));
  EXPECT_THAT(scene.After(minutes(1)), IsEmpty());
  scene.Resolve(kB);
  EXPECT_THAT(scene.After(minutes(1)), ElementsAre("r/webhook[0] all alerts resolved: B-"));
  EXPECT_TRUE(scene.NothingLeft());
  scene.Resolve(kB);  // rules say it again for a while
  EXPECT_THAT(scene.After(minutes(1)), IsEmpty());
  EXPECT_TRUE(scene.NothingLeft());
  scene.Fire(kB);
  EXPECT_THAT(scene.After(seconds(10)), ElementsAre("r/webhook[0] first notification: B"));
}

TEST(DispatcherTest, WhatCameAndWentBetweenTwoNotificationsIsNotTold) {
  Scene scene(kOneReceiver);
  scene.Fire(kA);
  scene.clock().Advance(seconds(5));
  scene.Resolve(kA);
  EXPECT_THAT(scene.After(seconds(5)), IsEmpty());
  EXPECT_TRUE(scene.NothingLeft());
}

TEST(DispatcherTest, RepeatsAfterTheRepeatInterval) {
  Scene scene(kOneReceiver);
  scene.Fire(kA);
  scene.After(seconds(10));
  std::vector<std::string> told;
  int minute = 0;
  while (told.empty() && minute < 200) {
    scene.Fire(kA);  // renewed, as rules do
    told = scene.After(minutes(1));
    ++minute;
  }
  EXPECT_THAT(told, ElementsAre("r/webhook[0] repeat interval elapsed: A"));
  EXPECT_EQ(minute, 61);  // 1h must have passed in full: at the tick after the sixtieth
}

TEST(DispatcherTest, AnAlertThatIsNotRenewedStaysFiring) {
  Scene scene(kOneReceiver);
  scene.Fire(kA);
  scene.After(seconds(10));
  for (int i = 0; i < 60; ++i) EXPECT_THAT(scene.After(minutes(1)), IsEmpty());
  EXPECT_THAT(scene.After(minutes(1)), ElementsAre("r/webhook[0] repeat interval elapsed: A"));
}

TEST(DispatcherTest, NoWaitMeansAtOnce) {
  Scene scene(R"(
route: {receiver: r, group_wait: 0s}
receivers: [{name: r, webhook_configs: [{url: "http://h"}]}]
)");
  scene.Fire(kA);
  EXPECT_THAT(scene.Now(), ElementsAre("r/webhook[0] first notification: A"));
}

TEST(DispatcherTest, AnAlertThatIsOlderThanTheWaitIsToldAtOnce) {
  Scene scene(kOneReceiver);
  scene.Put(kA, AlertState::kFiring, seconds(11));
  EXPECT_THAT(scene.Now(), ElementsAre("r/webhook[0] first notification: A"));
  scene.Put(kB, AlertState::kFiring, seconds(11));  // but the group's own rhythm holds from then on
  EXPECT_THAT(scene.Now(), IsEmpty());
}

TEST(DispatcherTest, AJumpOfTheWallClockMovesNoTimer) {
  Scene scene(kOneReceiver);
  scene.Fire(kA);
  scene.Now();
  scene.clock().JumpWall(hours(5));
  EXPECT_THAT(scene.After(seconds(9)), IsEmpty());
  EXPECT_THAT(scene.After(seconds(1)), ElementsAre("r/webhook[0] first notification: A"));
  scene.clock().JumpWall(-hours(10));
  EXPECT_THAT(scene.After(minutes(1)), IsEmpty());
}

TEST(DispatcherTest, ReceiversMayNotWantResolvedOnes) {
  Scene scene(R"(
route: {receiver: r, group_by: [service], group_wait: 0s, group_interval: 1m}
receivers: [{name: r, webhook_configs: [{url: "http://h", send_resolved: false}, {url: "http://h"}]}]
)");
  scene.Fire(kA);
  scene.Fire(kB);
  EXPECT_THAT(scene.Now(), ElementsAre("r/webhook[0] first notification: A B",
                                       "r/webhook[1] first notification: A B"));
  scene.Resolve(kA);
  EXPECT_THAT(scene.After(minutes(1)), ElementsAre("r/webhook[1] some alerts resolved: A- B"));
  scene.Resolve(kB);
  EXPECT_THAT(scene.After(minutes(1)), ElementsAre("r/webhook[1] all alerts resolved: B-"));
  scene.Fire(kB);  // the first one knows that it ended although it was not told
  EXPECT_THAT(scene.Now(), ElementsAre("r/webhook[0] first notification: B",
                                       "r/webhook[1] first notification: B"));
}

TEST(DispatcherTest, GroupsAndTheirTimersSurviveARestart) {
  Scene scene(kOneReceiver);
  scene.Fire(kA);
  scene.clock().Advance(seconds(4));
  scene.Restart();
  EXPECT_THAT(scene.After(seconds(5)), IsEmpty());
  EXPECT_THAT(scene.After(seconds(1)), ElementsAre("r/webhook[0] first notification: A"));
  scene.Restart();
  scene.Fire(kA);  // as rules do at a start
  scene.Fire(kB);
  EXPECT_THAT(scene.After(seconds(59)), IsEmpty());
  EXPECT_THAT(scene.After(seconds(1)), ElementsAre("r/webhook[0] new alerts added: A B"));
  scene.Restart();
  scene.Resolve(kA);
  scene.Restart();
  scene.Fire(kB);
  scene.clock().Advance(minutes(30));  // nobody was there when it was due
  EXPECT_THAT(scene.Now(), ElementsAre("r/webhook[0] some alerts resolved: A- B"));
}

TEST(DispatcherTest, TheRepeatIntervalGoesOnOverARestart) {
  Scene scene(kOneReceiver);
  scene.Fire(kA);
  scene.After(seconds(10));
  scene.clock().Advance(minutes(59));
  scene.Restart();
  scene.Fire(kA);
  EXPECT_THAT(scene.Now(), IsEmpty());
  scene.clock().Advance(minutes(1));
  EXPECT_THAT(scene.After(minutes(1)), ElementsAre("r/webhook[0] repeat interval elapsed: A"));
}

TEST(DispatcherTest, WhatNobodyKnowsAfterARestartIsResolvedInTheEnd) {
  Scene scene(kOneReceiver);
  scene.Fire(kA);
  scene.Fire(kB);
  scene.After(seconds(10));
  scene.Restart();
  scene.Fire(kB);
  for (int i = 0; i < 14; ++i) EXPECT_THAT(scene.After(minutes(1)), IsEmpty());
  EXPECT_THAT(scene.After(minutes(1)), ElementsAre("r/webhook[0] some alerts resolved: A- B"));
}

TEST(DispatcherTest, WhatEndedWhileNobodyWasThereToTellItIsToldAllTheSame) {
  Scene scene(kOneReceiver);
  scene.Fire(kA);
  scene.Restart();
  scene.clock().Advance(seconds(40));  // it was due 30 s ago
  scene.Put(kA, AlertState::kResolved, seconds(40));
  EXPECT_THAT(scene.Now(), ElementsAre("r/webhook[0] all alerts resolved: A-"));
  EXPECT_TRUE(scene.last().first);
  scene.Put(kA, AlertState::kResolved, seconds(40));  // rules say it again for a while
  EXPECT_THAT(scene.After(minutes(1)), IsEmpty());
  EXPECT_TRUE(scene.NothingLeft());
}

TEST(DispatcherTest, ASilenceHoldsBackPagesButNotTheAllClear) {
  Scene scene(kOneReceiver);
  scene.Silence(kA);
  scene.Fire(kA);
  scene.Fire(kB);
  EXPECT_THAT(scene.After(seconds(10)), ElementsAre("r/webhook[0] first notification: B"));
  scene.Silence(kB);
  EXPECT_THAT(scene.After(minutes(1)), ElementsAre("r/webhook[0] new alerts added: A"));
  EXPECT_THAT(scene.After(minutes(1)), IsEmpty());
  scene.Resolve(kB);
  EXPECT_THAT(scene.After(minutes(1)), ElementsAre("r/webhook[0] some alerts resolved: A B-"));
  scene.Silence(kA);
  EXPECT_THAT(scene.After(minutes(61)), IsEmpty()) << "no repetition of what is silenced";
  scene.Silence(kC);
  EXPECT_THAT(scene.After(minutes(1)), ElementsAre("r/webhook[0] repeat interval elapsed: A"));
}

TEST(DispatcherTest, AFallbackIsToldAtOnceAndToTheEnd) {
  Scene scene(R"(
route: {receiver: r, group_by: [service], group_wait: 0s, group_interval: 1m, fallback: f, fallback_after: 2m}
receivers: [{name: r, webhook_configs: [{url: "http://h"}]}, {name: f, webhook_configs: [{url: "http://h"}]}]
)");
  scene.Fire(kA);
  EXPECT_THAT(scene.Now(), ElementsAre("r/webhook[0] first notification: A"));
  EXPECT_EQ(scene.last().fallback_after, minutes(2));
  scene.FallBack("r/webhook[0]", scene.last().group_key);
  EXPECT_THAT(scene.Now(), ElementsAre("f/webhook[0] first notification: A"));
  EXPECT_EQ(scene.last().fallback_after, Millis{0});
  scene.Restart();
  scene.Resolve(kA);
  EXPECT_THAT(scene.After(minutes(1)), ElementsAre("r/webhook[0] all alerts resolved: A-",
                                                   "f/webhook[0] all alerts resolved: A-"));
  scene.Fire(kA);
  EXPECT_THAT(scene.Now(), ElementsAre("r/webhook[0] first notification: A"));
}

TEST(DispatcherTest, WhileAReceiverIsAwayItsFallbackIsToldWithIt) {
  Scene scene(R"(
route: {receiver: r, group_by: [service], group_wait: 0s, group_interval: 1m, fallback: f}
receivers: [{name: r, webhook_configs: [{url: "http://h"}]}, {name: f, webhook_configs: [{url: "http://h"}]}]
)");
  scene.SetAway("r/webhook[0]", true);
  scene.Fire(kA);
  EXPECT_THAT(scene.Now(), ElementsAre("r/webhook[0] first notification: A",
                                       "f/webhook[0] first notification: A"));
  scene.SetAway("r/webhook[0]", false);
  scene.Fire(kC);
  EXPECT_THAT(scene.Now(), ElementsAre("r/webhook[0] first notification: C"));
  scene.Resolve(kA);
  EXPECT_THAT(scene.After(minutes(1)), ElementsAre("r/webhook[0] all alerts resolved: A-",
                                                   "f/webhook[0] all alerts resolved: A-"))
      << "who was told of the beginning is told of the end";
}

TEST(DispatcherTest, PendingOnesAreNobodysBusiness) {
  Scene scene(kOneReceiver);
  scene.Put(kA, AlertState::kPending);
  scene.Put(kA, AlertState::kInactive);
  EXPECT_THAT(scene.After(minutes(1)), IsEmpty());
  EXPECT_TRUE(scene.NothingLeft());
}

TEST(DispatcherTest, AReceiverWithoutIntegrationsIsSilent) {
  Scene scene("route: {receiver: a, group_wait: 0s}\nreceivers: [{name: a}]");
  scene.Fire(kA);
  EXPECT_THAT(scene.Now(), IsEmpty());
}

TEST(DispatcherTest, GroupsByEveryLabelOrNone) {
  Scene all(
      "route: {receiver: r, group_by: ['...'], group_wait: 0s}\nreceivers: [{name: r, "
      "webhook_configs: [{url: 'http://h'}]}]");
  all.Fire(kA);
  all.Fire(kB);
  EXPECT_EQ(all.Now().size(), 2u);
  EXPECT_EQ(all.last().group_labels.size(), 2u);
  Scene none(
      "route: {receiver: r, group_wait: 0s}\nreceivers: [{name: r, webhook_configs: [{url: "
      "'http://h'}]}]");
  none.Fire(kA);
  none.Fire(kC);
  EXPECT_THAT(none.Now(), ElementsAre("r/webhook[0] first notification: A C"));
  EXPECT_EQ(none.last().group_key, "{}:{}");
}

// The order of model.AlertSlice in prometheus/common and Alertmanager.
TEST(DispatcherTest, OrderOfAlerts) {
  const Labels in_order[] = {
      {{"job", "a"}, {"instance", "1"}, {"z", "z"}},
      {{"job", "a"}, {"instance", "2"}},
      {{"job", "a"}},
      {{"job", "b"}, {"instance", "0"}},
      {{"instance", "0"}, {"a", "a"}},
      {{"b", "z"}},
      {{"a", "1"}, {"c", "9"}},
      {{"a", "2"}, {"c", "0"}},
  };
  for (std::size_t i = 0; i < std::size(in_order); ++i) {
    for (std::size_t j = 0; j < std::size(in_order); ++j) {
      EXPECT_EQ(AlertBefore(in_order[i], in_order[j]), i < j)
          << in_order[i].ToString() << " " << in_order[j].ToString();
    }
  }
}

TEST(ReasonToNotifyTest, Table) {
  using Set = std::set<std::uint64_t>;
  const SteadyTime now{hours(100)};
  struct Case {
    bool told;
    Set told_firing, told_resolved, firing, resolved;
    Millis ago;
    bool send_resolved;
    NotifyReason want;
  };
  const Case cases[] = {
      {false, {}, {}, {1}, {}, hours(0), true, NotifyReason::kFirst},
      {false, {}, {}, {}, {1}, hours(0), true, NotifyReason::kNone},
      {true, {1}, {}, {1}, {}, minutes(59), true, NotifyReason::kNone},
      {true, {1}, {}, {1}, {}, hours(1), true, NotifyReason::kNone},
      {true, {1}, {}, {1}, {}, minutes(61), true, NotifyReason::kRepeat},
      {true, {1}, {}, {1, 2}, {}, minutes(1), true, NotifyReason::kNewAlerts},
      {true, {}, {1}, {2}, {}, minutes(1), true, NotifyReason::kFirst},
      {true, {1, 2}, {}, {1}, {2}, minutes(1), true, NotifyReason::kSomeResolved},
      {true, {1, 2}, {}, {1}, {2}, minutes(1), false, NotifyReason::kNone},
      {true, {1}, {2}, {1}, {2}, minutes(1), true, NotifyReason::kNone},
      {true, {1, 2}, {}, {}, {1, 2}, minutes(1), true, NotifyReason::kAllResolved},
      {true, {1, 2}, {}, {}, {1, 2}, minutes(1), false, NotifyReason::kAllResolved},
      {true, {}, {1}, {}, {2}, hours(9), true, NotifyReason::kNone},
  };
  for (const Case& c : cases) {
    const Told told{c.told_firing, c.told_resolved, now - c.ago, now - c.ago};
    EXPECT_EQ(ReasonToNotify(c.told ? &told : nullptr, c.firing, c.resolved, c.send_resolved,
                             hours(1), now),
              c.want)
        << (&c - cases);
  }
}

}  // namespace
}  // namespace tierwatch
