// Alerts of other processes: how two words about one are merged, and when nobody renews it.
#include <gtest/gtest.h>

#include "alerts/notify/dispatcher.h"
#include "tests/support/fake_clock.h"
#include "tests/support/notify_config.h"

namespace tierwatch {
namespace {

Alert Told(TimestampMs start, TimestampMs end, bool firing, AlertEnding ending) {
  Alert alert;
  alert.labels = {{"alertname", "A"}};
  alert.state = firing ? AlertState::kFiring : AlertState::kResolved;
  alert.fired_at = start;
  (firing ? alert.valid_until : alert.resolved_at) = end;
  alert.ending = ending;
  return alert;
}

// The rules of Alertmanager's Alert.Merge, one by one.
TEST(MergeAlertsTest, Table) {
  constexpr AlertEnding kTold = AlertEnding::kTold, kAssumed = AlertEnding::kAssumed;
  struct Case {
    const char* name;
    Alert old, fresh;
    TimestampMs start, end;
  };
  const Case cases[] = {
      {"the earliest start, the newest end", Told(10, 50, true, kAssumed),
       Told(20, 60, true, kAssumed), 10, 60},
      {"a told end that is later stays", Told(10, 90, true, kTold), Told(20, 60, true, kAssumed),
       10, 90},
      {"an assumed end does not", Told(10, 90, true, kAssumed), Told(20, 60, true, kTold), 10, 60},
      {"an end that has come rules", Told(10, 90, true, kTold), Told(20, 30, false, kTold), 10, 30},
      {"the latest of two ends that have come", Told(10, 40, false, kTold),
       Told(20, 30, false, kTold), 10, 40},
      {"apart from each other, they are two", Told(10, 20, false, kTold), Told(30, 60, true, kTold),
       30, 60},
      {"touching is apart", Told(10, 20, false, kTold), Told(20, 60, true, kTold), 20, 60},
  };
  for (const Case& c : cases) {
    const Alert merged = MergeAlerts(c.old, c.fresh);
    EXPECT_EQ(merged.state, c.fresh.state) << c.name;
    EXPECT_EQ(merged.fired_at, c.start) << c.name;
    EXPECT_EQ(merged.state == AlertState::kFiring ? merged.valid_until : merged.resolved_at, c.end)
        << c.name;
  }
  Alert ours = Told(30, 70, true, AlertEnding::kByRule);
  EXPECT_EQ(MergeAlerts(Told(10, 90, true, kTold), ours).fired_at, 30) << "rules know better";
}

class ForeignAlertTest : public testing::Test {
 protected:
  ForeignAlertTest() {
    config_ = NotifyConfigOf(
        "global: {resolve_timeout: 2m}\n"
        "route: {receiver: r, group_wait: 0s, group_interval: 10s}\n"
        "receivers: [{name: r, webhook_configs: [{url: 'http://h'}]}]\n");
    Start();
  }
  void Start() {
    EXPECT_TRUE(ledger_.Commit().ok());
    dispatcher_ = std::make_unique<Dispatcher>(DispatcherParts{
        config_, "", clock_, ledger_, [this](const Notification& n) { told_.push_back(n); }, {}});
    std::vector<std::string> damaged;
    dispatcher_->Restore(*ledger_.Load(damaged), std::chrono::minutes(15));
    EXPECT_TRUE(damaged.empty());
  }
  void Put(Millis valid) {
    dispatcher_->Put({Told(clock_.Now(), clock_.Now() + valid.count(), true, AlertEnding::kTold)});
  }
  // Moves on in steps of a second, as a clock does; gives what was told.
  std::vector<Notification> After(Millis time) {
    for (; time.count() > 0; time -= Millis{1'000}) {
      clock_.Advance(Millis{1'000});
      dispatcher_->RunDue();
    }
    return std::exchange(told_, {});
  }

  FakeClock clock_;
  NotifyConfig config_;
  Ledger ledger_{":memory:", clock_.Now()};
  std::unique_ptr<Dispatcher> dispatcher_;
  std::vector<Notification> told_;
};

TEST_F(ForeignAlertTest, EndsWhenNobodyRenewsIt) {
  Put(Millis{25'000});
  const TimestampMs first_end = clock_.Now() + 25'000;
  auto told = After(Millis{15'000});
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].alerts[0].state, AlertState::kFiring);
  Put(Millis{25'000});
  const TimestampMs end = clock_.Now() + 25'000;
  EXPECT_TRUE(After(Millis{first_end - clock_.Now() + 12'000}).empty()) << "it was renewed";
  told = After(Millis{20'000});
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].alerts[0].state, AlertState::kResolved);
  EXPECT_EQ(told[0].alerts[0].resolved_at, end);
  EXPECT_EQ(dispatcher_->group_count(), 0u);
}

TEST_F(ForeignAlertTest, OutlivesTheProcessAndTheTimeWithoutOne) {
  Put(Millis{25'000});
  ASSERT_EQ(After(Millis{1'000}).size(), 1u);
  clock_.Advance(std::chrono::hours(1));  // nobody could renew it in between
  Start();
  EXPECT_TRUE(After(Millis{110'000}).empty());
  const auto told = After(Millis{30'000});
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].alerts[0].state, AlertState::kResolved);
}

}  // namespace
}  // namespace tierwatch
