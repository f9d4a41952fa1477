#include "alerts/notify/ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "tests/support/files.h"

namespace tierwatch {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr TimestampMs kNow = 1'700'000'000'000;
constexpr TimestampMs kMinute = 60'000;

Alert MakeAlert(const std::string& name) {
  Alert alert;
  alert.labels = {{"alertname", name}, {"bytes", "\xff\x00\xc3"}};
  alert.annotations = {{"summary", std::string(300, 'x')}};
  alert.state = AlertState::kFiring;
  alert.fired_at = kNow;
  alert.value = std::nan("");
  return alert;
}

OutboxEntry MakeEntry(Ledger& ledger, const std::string& group) {
  OutboxEntry entry;
  entry.id = ledger.NextId();
  entry.queue = "r/webhook[0]";
  entry.group_key = group;
  entry.idempotency_key = "key of " + group;
  entry.created_at = entry.owed_since = kNow;
  entry.expires_at = kNow + kMinute;
  Notification notification;
  notification.receiver = "r";
  notification.group_key = group;
  notification.reason = NotifyReason::kFirst;
  notification.fallback_after = Millis{5};
  notification.alerts = {MakeAlert("A"), MakeAlert("B")};
  entry.notification = std::make_shared<const Notification>(std::move(notification));
  return entry;
}

LedgerContents Load(const std::string& path) {
  std::vector<std::string> damaged;
  auto contents = Ledger(path, kNow).Load(damaged);
  EXPECT_TRUE(contents.ok()) << contents.error().message;
  EXPECT_THAT(damaged, IsEmpty());
  return *std::move(contents);
}

class LedgerTest : public testing::Test {
 protected:
  TempDir dir_;
  std::string path_ = dir_.path() + "/state.db";
  Ledger ledger_{path_, kNow};
};

TEST_F(LedgerTest, GivesBackWhatWasCommittedAndNothingElse) {
  ledger_.PutGroup("g", {kNow + 5, true, true});
  ledger_.PutAlert("g", MakeAlert("A"));
  ledger_.PutTold("q", "g", {kNow, {1, ~std::uint64_t{0}}, {3}});
  ledger_.PutState("q", "g", "thread 7");
  ledger_.PutOwed(MakeEntry(ledger_, "g"));
  EXPECT_THAT(Load(path_).groups, IsEmpty()) << "nothing is there before the commit";
  ASSERT_TRUE(ledger_.Commit().ok());
  ledger_.EraseGroup("g");  // never committed
  const LedgerContents contents = Load(path_);
  ASSERT_THAT(contents.groups, SizeIs(1));
  EXPECT_EQ(contents.groups.at("g").next_at, kNow + 5);
  EXPECT_TRUE(contents.groups.at("g").flushed && contents.groups.at("g").fell_back);
  ASSERT_THAT(contents.alerts, SizeIs(1));
  EXPECT_EQ(contents.alerts[0].first, "g");
  EXPECT_EQ(contents.alerts[0].second.labels, MakeAlert("A").labels);
  EXPECT_TRUE(std::isnan(contents.alerts[0].second.value));
  const ToldRecord& told = contents.told.at({"q", "g"});
  EXPECT_THAT(told.firing, ElementsAre(1, ~std::uint64_t{0}));
  EXPECT_THAT(told.resolved, ElementsAre(3));
  EXPECT_EQ(contents.states.at({"q", "g"}), "thread 7");
  ASSERT_THAT(contents.owed, SizeIs(1));
  EXPECT_EQ(contents.owed[0].idempotency_key, "key of g");
  EXPECT_EQ(contents.owed[0].notification->alerts[1].labels, MakeAlert("B").labels);
  EXPECT_EQ(contents.owed[0].notification->fallback_after, Millis{5});
}

TEST_F(LedgerTest, WhatHasEndedIsShownButNotOwed) {
  const OutboxEntry entry = MakeEntry(ledger_, "g");
  ledger_.PutOwed(entry);
  ASSERT_TRUE(ledger_.Commit().ok());
  EXPECT_EQ((*ledger_.History(9))[0].outcome, "owed");
  ledger_.Settle(entry.id, {kNow + 7, "r/webhook[0]", "g", 3, Outcome::kFailed, 404, "HTTP 404"});
  ASSERT_TRUE(ledger_.Commit().ok());
  EXPECT_THAT(Load(path_).owed, IsEmpty());
  const std::vector<NotificationRecord> history = *ledger_.History(9);
  ASSERT_THAT(history, SizeIs(1));
  EXPECT_EQ(history[0].outcome, "failed");
  EXPECT_EQ(history[0].reason, "HTTP 404");
  EXPECT_EQ(history[0].attempts, 3);
  EXPECT_EQ(history[0].summary, "2 firing, 0 resolved: A, B");
}

TEST_F(LedgerTest, WhatCouldNotBeWrittenIsWrittenLater) {
  const std::string path = dir_.path() + "/later/state.db";
  Ledger ledger(path, kNow);
  const OutboxEntry entry = MakeEntry(ledger, "g");
  ledger.PutOwed(entry);
  EXPECT_FALSE(ledger.Commit().ok());
  ledger.Settle(entry.id, {kNow, "q", "g", 1, Outcome::kDelivered, 200, "HTTP 200"});
  ledger.PutGroup("g", {kNow, false, false});
  EXPECT_FALSE(ledger.Commit().ok());
  std::filesystem::create_directory(dir_.path() + "/later");
  ASSERT_TRUE(ledger.Commit().ok());
  EXPECT_FALSE(ledger.dirty());
  EXPECT_THAT(Load(path).groups, SizeIs(1));
  EXPECT_EQ((*ledger.History(9))[0].outcome, "delivered");
}

TEST_F(LedgerTest, NumbersGrowFromProcessToProcessEvenWhenTheClockIsSetBack) {
  const OutboxEntry entry = MakeEntry(ledger_, "g");
  ledger_.PutOwed(entry);
  ASSERT_TRUE(ledger_.Commit().ok());
  Ledger next(path_, kNow - 1'000'000);
  std::vector<std::string> damaged;
  ASSERT_TRUE(next.Load(damaged).ok());
  EXPECT_GT(next.NextId(), entry.id);
}

TEST_F(LedgerTest, WhatGrowsOldGoesAndItsRoomIsGivenBack) {
  for (int i = 0; i < 1'000; ++i) {
    const OutboxEntry entry = MakeEntry(ledger_, "{}:{n=\"" + std::to_string(i) + "\"}");
    ledger_.PutOwed(entry);
    ledger_.Settle(entry.id,
                   {kNow, entry.queue, entry.group_key, 1, Outcome::kDelivered, 200, "HTTP 200"});
  }
  ASSERT_TRUE(ledger_.Commit().ok());
  ASSERT_TRUE(ledger_.Prune(kNow + 7 * 24 * 60 * kMinute).ok());
  EXPECT_THAT(*ledger_.History(10'000), SizeIs(1'000));
  ASSERT_TRUE(ledger_.Prune(kNow + 7 * 24 * 60 * kMinute + 1).ok());
  EXPECT_THAT(*ledger_.History(10), IsEmpty());
  ASSERT_TRUE(Database::Open(path_)->Execute("PRAGMA wal_checkpoint(TRUNCATE)").ok());
  EXPECT_LT(std::filesystem::file_size(path_), 100u << 10);
}

}  // namespace
}  // namespace tierwatch
