// Another configuration while notifications are owed and requests are under way.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "alerts/notify/notifier.h"
#include "tests/support/http_sink.h"
#include "tests/support/notify_config.h"
#include "tests/support/process.h"

namespace tierwatch {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

std::string To(const std::string& receiver, const std::string& url,
               const std::string& group_by = "[alertname]") {
  return fmt::format(
      "route: {{receiver: {0}, group_by: {2}, group_wait: 0s, group_interval: 10ms}}\n"
      "receivers: [{{name: {0}, webhook_configs: [{{url: \"{1}\", timeout: 20s}}]}}]\n",
      receiver, url, group_by);
}

// What waits for another attempt waits for longer than a test.
NotifierOptions Patient() {
  NotifierOptions options;
  options.delivery.first_backoff = options.delivery.longest_backoff = std::chrono::hours(1);
  return options;
}

class ReconfigureTest : public testing::Test {
 protected:
  void Start(const std::string& yaml) {
    notifier_ = std::make_unique<Notifier>(NotifyConfigOf(yaml), "http://tw", clock_, *logger_,
                                           registry_, Patient());
  }
  void Put(const std::vector<std::string>& names, AlertState state = AlertState::kFiring) {
    std::vector<Alert> alerts;
    for (const std::string& name : names) {
      Alert& alert = alerts.emplace_back();
      alert.labels = {{"alertname", name}};
      alert.state = state;
      alert.fired_at = clock_.Now();
      if (state == AlertState::kResolved) alert.resolved_at = clock_.Now();
    }
    notifier_->Put(std::move(alerts));
  }
  bool WaitForOutcome(Outcome outcome, std::ptrdiff_t count = 1) const {
    return WaitUntil([&] {
      return std::ranges::count(notifier_->Recent(), outcome, &DeliveryResult::outcome) >= count;
    });
  }
  // "A firing", "A resolved": of each request, what it told and whether it was answered 200.
  static std::vector<std::string> Told(const HttpSink& sink) {
    std::vector<std::string> told;
    for (const SinkRequest& request : sink.Requests()) {
      if (request.answer != 200) continue;
      for (const char* name : {"A", "B"}) {
        for (const char* status : {"firing", "resolved"}) {
          const std::string alert =
              fmt::format(R"("status":"{}","labels":{{"alertname":"{}")", status, name);
          if (request.body.find(alert) != std::string::npos)
            told.push_back(fmt::format("{} {}", name, status));
        }
      }
    }
    return told;
  }
  /// "failed the receiver is no longer configured", the newest first.
  std::vector<std::string> History() {
    notifier_->Stop();
    std::vector<std::string> lines;
    const std::vector<NotificationRecord> history = *notifier_->History(10);
    for (const NotificationRecord& one : history)
      lines.push_back(fmt::format("{} {} {}", one.queue, one.outcome, one.reason));
    return lines;
  }

  SystemClock clock_;
  const std::unique_ptr<Logger> logger_ = MakeNullLogger();
  prometheus::Registry registry_;
  HttpSink before_, after_;
  std::unique_ptr<Notifier> notifier_;
};

TEST_F(ReconfigureTest, WhatIsOwedGoesToTheNewAddressAtOnceUnderItsKey) {
  before_.Always("/", {.status = 429, .headers = {{"Retry-After", "3600"}}});
  Start(To("r", before_.Url()));
  Put({"A"});
  ASSERT_TRUE(WaitForOutcome(Outcome::kRetry));
  EXPECT_TRUE(notifier_->Reconfigure(NotifyConfigOf(To("r", after_.Url()))));
  ASSERT_TRUE(WaitForOutcome(Outcome::kDelivered));
  EXPECT_EQ(after_.Requests().at(0).headers.at("idempotency-key"),
            before_.Requests().at(0).headers.at("idempotency-key"));
  Put({"A"});
  Put({"A"}, AlertState::kResolved);
  ASSERT_TRUE(WaitForOutcome(Outcome::kDelivered, 2));
  EXPECT_THAT(Told(after_), ElementsAre("A firing", "A resolved"));
  EXPECT_THAT(notifier_->ReceiverNames(), ElementsAre("r"));
}

TEST_F(ReconfigureTest, NothingChangesWhereNothingChanged) {
  before_.Always("/", {.status = 503});
  Start(To("r", before_.Url()));
  Put({"A"});
  ASSERT_TRUE(WaitForOutcome(Outcome::kRetry));
  EXPECT_FALSE(notifier_->Reconfigure(NotifyConfigOf(To("r", before_.Url()))));
  Put({"B"});
  ASSERT_TRUE(WaitForOutcome(Outcome::kRetry, 2));
  EXPECT_EQ(before_.Requests().size(), 2u) << "A waits on";
}

TEST_F(ReconfigureTest, WhatIsOwedToAReceiverThatIsGoneHasFailedAndOthersAreTold) {
  before_.Always("/", {.status = 503});
  Start(To("r", before_.Url()));
  Put({"A"});
  ASSERT_TRUE(WaitForOutcome(Outcome::kRetry));
  EXPECT_TRUE(notifier_->Reconfigure(NotifyConfigOf(To("s", after_.Url()))));
  ASSERT_TRUE(WaitForOutcome(Outcome::kDelivered));
  EXPECT_THAT(Told(after_), ElementsAre("A firing"));
  EXPECT_THAT(History(), ElementsAre("s/webhook[0] delivered HTTP 200",
                                     "r/webhook[0] failed the receiver is no longer configured"));
}

TEST_F(ReconfigureTest, ARequestUnderWayEndsAsItWould) {
  before_.Script({{.delay = Millis{300}}, {.status = 503, .delay = Millis{300}}});
  Start(To("r", before_.Url()));
  Put({"A"});
  ASSERT_TRUE(before_.WaitForRequests(1));
  Put({"B"});
  ASSERT_TRUE(before_.WaitForRequests(2));
  EXPECT_TRUE(notifier_->Reconfigure(NotifyConfigOf(To("s", after_.Url()))));
  ASSERT_TRUE(WaitForOutcome(Outcome::kDelivered, 3));
  ASSERT_TRUE(WaitForOutcome(Outcome::kFailed, 1));
  EXPECT_THAT(Told(before_), ElementsAre("A firing"));
  EXPECT_THAT(Told(after_), UnorderedElementsAre("A firing", "B firing"));
  EXPECT_THAT(History(), testing::Contains(
                             "r/webhook[0] failed HTTP 503; the receiver is no longer configured"));
}

TEST_F(ReconfigureTest, WhatTheOldAddressRefusesIsAskedOfTheNewOne) {
  before_.Always("/", {.status = 404, .delay = Millis{300}});
  Start(To("r", before_.Url()));
  Put({"A"});
  ASSERT_TRUE(before_.WaitForRequests(1));
  EXPECT_TRUE(notifier_->Reconfigure(NotifyConfigOf(To("r", after_.Url()))));
  ASSERT_TRUE(WaitForOutcome(Outcome::kDelivered));
  EXPECT_THAT(Told(after_), ElementsAre("A firing"));
}

TEST_F(ReconfigureTest, AlertsThatMoveToOtherGroupsAreToldThereAlone) {
  before_.Always("/", {.status = 503});
  Start(To("r", before_.Url(), "[]"));
  Put({"A", "B"});
  ASSERT_TRUE(WaitForOutcome(Outcome::kRetry));
  EXPECT_TRUE(notifier_->Reconfigure(NotifyConfigOf(To("r", after_.Url(), "[alertname]"))));
  ASSERT_TRUE(WaitForOutcome(Outcome::kDelivered, 2));
  EXPECT_THAT(Told(after_), UnorderedElementsAre("A firing", "B firing"));
  EXPECT_EQ(notifier_->Status()[0].pending, 0u);
}

TEST_F(ReconfigureTest, ReceiversComeAndGo) {
  Start("{}");
  Put({"A"});
  for (int i = 0; i < 20; ++i) {
    notifier_->Reconfigure(NotifyConfigOf(To("r", before_.Url(fmt::format("/{}", i)))));
    notifier_->Reconfigure(NotifyConfigOf("{}"));
  }
  notifier_->Reconfigure(NotifyConfigOf(To("r", after_.Url())));
  Put({"B"});
  ASSERT_TRUE(WaitUntil([&] { return Told(after_) == std::vector<std::string>{"B firing"}; }));
}

}  // namespace
}  // namespace tierwatch
