// The state database over a simulated week: everything that writes to it, under one clock.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "alerts/notify/dispatcher.h"
#include "alerts/notify/merge.h"
#include "alerts/notify/silences.h"
#include "alerts/rules/alert_database.h"
#include "tests/support/fake_clock.h"
#include "tests/support/files.h"
#include "tests/support/notify_config.h"

namespace tierwatch {
namespace {

constexpr int kAlerts = 50;  // of an incident
constexpr int kIncidents = 7 * 24 * 3;
constexpr Millis kStep = std::chrono::minutes(10);
const RuleIdentity kRule{"rules.yml", "g", "Storm", "x > 1"};

// Every twenty minutes alerts of new labels fire, each a group of its own with a key of 2 KiB, and
// ten minutes later resolve; all that is told is delivered. Each hour a silence is made, which
// holds back one alert of the next incidents for 35 minutes.
class Week {
 public:
  void Fire(int incident) { Turn(incident, AlertState::kFiring); }
  void Resolve(int incident) { Turn(incident, AlertState::kResolved); }

  void MakeSilence() {
    Silence silence;
    silence.matchers.Add((*ParseAlertMatchers("n=~\".*-0\"")).front());
    silence.starts_at = clock_.Now();
    silence.ends_at = clock_.Now() + Millis(std::chrono::minutes(35)).count();
    silence.created_by = "on-call";
    silence.comment = std::string(200, 'c');
    std::string id;
    EXPECT_FALSE(silences_.Set(silence, clock_.Now(), id));
  }
  /// What the notifier does each hour.
  void Prune() { EXPECT_TRUE(ledger_.Prune(clock_.Now()).ok()); }
  void Advance(Millis time) { clock_.Advance(time); }

  std::size_t Bytes() const {
    std::size_t bytes = 0;
    for (const auto& file : std::filesystem::directory_iterator(dir_.path()))
      bytes += file.file_size();
    return bytes;
  }
  std::size_t told() const { return told_; }
  std::size_t silences() const { return silences_.List(clock_.Now()).size(); }
  std::size_t history() { return ledger_.History(1'000'000)->size(); }
  std::size_t saved_alerts() {
    std::size_t count = 0;
    const SavedState state = *alerts_->Load();
    for (const SavedRule& rule : state.rules) count += rule.alerts.size();
    return count;
  }
  LedgerContents Kept() {
    std::vector<std::string> damaged;
    return *ledger_.Load(damaged);
  }

 private:
  void Turn(int incident, AlertState state) {
    std::vector<Alert> alerts;
    RuleChanges changes{kRule, false, {}};
    for (int i = 0; i < kAlerts; ++i) {
      Alert& alert = alerts.emplace_back();
      alert.labels = {{"alertname", "Storm"},
                      {"endpoint", std::string(2'000, 'e')},
                      {"n", fmt::format("{}-{}", incident, i)}};
      alert.annotations = {{"summary", std::string(500, 's')}};
      alert.state = state;
      alert.fired_at = clock_.Now() - (state == AlertState::kResolved ? kStep.count() : 0);
      alert.resolved_at = state == AlertState::kResolved ? clock_.Now() : 0;
      std::optional<SavedAlert> saved;
      if (state == AlertState::kFiring) saved = SavedAlert{alert, clock_.Now(), state};
      changes.alerts.push_back({alert.labels, std::move(saved)});
    }
    EXPECT_TRUE(alerts_->Save({&changes, 1}).ok());
    EXPECT_TRUE(alerts_->NoteAlive(clock_.Now()).ok());
    dispatcher_.Put(alerts);
    dispatcher_.RunDue();
    EXPECT_TRUE(ledger_.Commit().ok());
    for (const OutboxEntry& entry : owed_) {
      ledger_.Settle(entry.id, {clock_.Now(), entry.queue, entry.group_key, 1, Outcome::kDelivered,
                                200, "HTTP 200"});
    }
    owed_.clear();
    EXPECT_TRUE(ledger_.Commit().ok());
  }

  void Owe(Notification notification) {
    OutboxEntry& entry = owed_.emplace_back();
    entry.id = ledger_.NextId();
    entry.queue = notification.integration;
    entry.group_key = notification.group_key;
    entry.created_at = entry.owed_since = clock_.Now();
    entry.notification = std::make_shared<const Notification>(std::move(notification));
    entry.idempotency_key = IdempotencyKey(entry);
    ledger_.PutOwed(entry);
    ++told_;
  }

  TempDir dir_;
  std::string path_ = dir_.path() + "/state.db";
  FakeClock clock_;
  std::unique_ptr<Logger> logger_ = MakeNullLogger();
  Ledger ledger_{path_, clock_.Now()};
  Silences silences_{path_, *logger_};
  std::unique_ptr<AlertStore> alerts_ = *MakeAlertDatabase(*Database::Open(path_));
  NotifyConfig config_ = NotifyConfigOf(
      "route: {receiver: r, group_by: ['...'], group_wait: 0s, group_interval: 5m}\n"
      "receivers: [{name: r, webhook_configs: [{url: 'http://h'}]}]\n");
  std::vector<OutboxEntry> owed_;
  std::size_t told_ = 0;
  Dispatcher dispatcher_{DispatcherParts{
      config_, "http://tw", clock_, ledger_, [this](Notification n) { Owe(std::move(n)); },
      [this](const Labels& labels) { return !silences_.Silencing(labels, clock_.Now()).empty(); }}};
};

TEST(StateSizeTest, AWeekOfIncidentsStaysUnderAHundredMebibytes) {
  Week week;
  std::size_t most = 0;
  for (int incident = 0; incident < kIncidents; ++incident) {
    if (incident % 3 == 0) week.MakeSilence();
    week.Fire(incident);
    week.Advance(kStep);
    week.Resolve(incident);
    week.Advance(kStep);
    if (incident % 3 == 2) week.Prune();
    most = std::max(most, week.Bytes());
  }
  EXPECT_LT(most, 100u << 20);
  // Two of three incidents have one alert that is held back.
  EXPECT_EQ(week.told(), 2u * (kIncidents * kAlerts - kIncidents * 2 / 3));
  EXPECT_LE(week.history(), LedgerLimits().rows + 3 * 2 * kAlerts);
  // Expired ones are kept for 120 h: when that of hour 167 was made, that of hour 46 had gone.
  EXPECT_EQ(week.silences(), 121u);
  EXPECT_EQ(week.saved_alerts(), 0u);
  EXPECT_EQ(week.Kept().alerts.size(), 0u);
  EXPECT_EQ(week.Kept().groups.size(), 0u);
  EXPECT_LE(week.Kept().told.size(), 5u * kAlerts) << "an hour of ends, and what was told last";

  week.Advance(std::chrono::hours(30 * 24));
  week.Fire(kIncidents);
  week.Prune();
  EXPECT_EQ(week.history(), std::size_t{kAlerts}) << "all that is older has gone";
}

}  // namespace
}  // namespace tierwatch
