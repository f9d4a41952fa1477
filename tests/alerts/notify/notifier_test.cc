// Notifications over real connections: what a receiver sees of faults, retries and order.
#include "alerts/notify/notifier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/text_serializer.h>

#include <filesystem>
#include <set>
#include <sstream>

#include "alerts/receivers/http_attempt.h"
#include "tests/support/files.h"
#include "tests/support/http_sink.h"
#include "tests/support/notify_config.h"
#include "tests/support/process.h"

namespace tierwatch {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

NotifierOptions Impatient() {
  NotifierOptions options;
  options.delivery.first_backoff = Millis{5};
  options.delivery.longest_backoff = Millis{20};
  return options;
}

class Pager {
 public:
  explicit Pager(const std::string& yaml, NotifierOptions options = Impatient()) {
    NotifyConfig config = NotifyConfigOf(yaml);
    notifier_ = std::make_unique<Notifier>(std::move(config), "http://tw", clock_, *logger_,
                                           registry_, options);
  }

  void Put(const std::string& name, AlertState state = AlertState::kFiring) {
    Alert alert;
    alert.labels = {{"alertname", name}};
    alert.state = state;
    alert.fired_at = clock_.Now();
    alert.resolved_at = state == AlertState::kResolved ? clock_.Now() : 0;
    notifier_->Put({alert});
  }
  Notifier& notifier() { return *notifier_; }
  bool WaitForOutcome(Outcome outcome, std::size_t count = 1) {
    return WaitUntil([&] {
      const auto recent = notifier_->Recent();
      return static_cast<std::size_t>(std::count_if(
                 recent.begin(), recent.end(),
                 [&](const DeliveryResult& result) { return result.outcome == outcome; })) >= count;
    });
  }
  std::string Metrics() {
    std::ostringstream text;
    prometheus::TextSerializer().Serialize(text, registry_.Collect());
    return text.str();
  }

 private:
  SystemClock clock_;
  std::unique_ptr<Logger> logger_ = MakeNullLogger();
  prometheus::Registry registry_;
  std::unique_ptr<Notifier> notifier_;
};

std::string Webhook(const std::string& url, int concurrency = Receiver().concurrency) {
  return fmt::format(
      "route: {{receiver: r, group_by: [alertname], group_wait: 0s, group_interval: 10ms}}\n"
      "receivers: [{{name: r, concurrency: {}, webhook_configs: [{{url: \"{}\", timeout: "
      "2s}}]}}]\n",
      concurrency, url);
}

TEST(NotifierTest, DeliversWhatAlertmanagerWould) {
  HttpSink sink;
  Pager pager(Webhook(sink.Url("/hook?x=1")));
  pager.Put("A");
  ASSERT_TRUE(sink.WaitForRequests(1));
  const SinkRequest request = sink.Requests().at(0);
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.path, "/hook?x=1");
  EXPECT_EQ(request.headers.at("content-type"), "application/json");
  EXPECT_EQ(request.headers.at("idempotency-key").size(), 32u);
  EXPECT_THAT(request.body, HasSubstr(R"("groupKey":"{}:{alertname=\"A\"}")"));
  ASSERT_TRUE(pager.WaitForOutcome(Outcome::kDelivered));
  const std::vector<QueueStatus> status = pager.notifier().Status();
  ASSERT_EQ(status.size(), 1u);
  EXPECT_EQ(status[0].queue, "r/webhook[0]");
  EXPECT_EQ(status[0].pending, 0u);
  EXPECT_EQ(status[0].last->status, 200);
  EXPECT_THAT(pager.Metrics(),
              HasSubstr("tierwatch_notifications_total{outcome=\"delivered\",receiver=\"r\"} 1"));
}

TEST(NotifierTest, CountersAreThereFromTheStart) {
  Pager pager(Webhook("http://127.0.0.1:1/"));
  for (const char* line :
       {"tierwatch_notifications_total{outcome=\"delivered\",receiver=\"r\"} 0",
        "tierwatch_notifications_total{outcome=\"failed\",receiver=\"r\"} 0",
        "tierwatch_notifications_total{outcome=\"expired\",receiver=\"r\"} 0",
        "tierwatch_notification_retries_total{receiver=\"r\"} 0",
        "tierwatch_outbox_pending{receiver=\"r\"} 0",
        "tierwatch_notification_request_duration_seconds_count{receiver=\"r\"} 0"}) {
    EXPECT_THAT(pager.Metrics(), HasSubstr(line));
  }
}

TEST(NotifierTest, TriesAgainUntilItIsTakenAndKeepsTheKey) {
  HttpSink sink;
  // Connections are cut first: on one that was kept alive, libcurl tries again by itself.
  std::vector<SinkReply> script{{.close = true},
                                {.raw = "no HTTP at all\r\n"},
                                {.raw = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort"}};
  for (const int status : {500, 503, 429, 425, 408, 599}) script.push_back({.status = status});
  sink.Script(script);
  Pager pager(Webhook(sink.Url()));
  pager.Put("A");
  ASSERT_TRUE(sink.WaitForRequests(script.size() + 1));
  ASSERT_TRUE(pager.WaitForOutcome(Outcome::kDelivered));
  std::set<std::string> keys;
  std::set<std::string> bodies;
  for (const SinkRequest& request : sink.Requests()) {
    keys.insert(request.headers.at("idempotency-key"));
    bodies.insert(request.body);
  }
  EXPECT_EQ(keys.size(), 1u);
  EXPECT_EQ(bodies.size(), 1u);
  EXPECT_EQ(pager.notifier().Recent().front().attempt, static_cast<int>(script.size()) + 1);
  EXPECT_THAT(pager.Metrics(), HasSubstr("tierwatch_notification_retries_total{receiver=\"r\"} 9"));
}

TEST(NotifierTest, ARefusalIsFinalAndShown) {
  HttpSink sink;
  sink.Script({{.status = 400},
               {.status = 404},
               {.status = 302, .headers = {{"Location", "ftp://elsewhere/"}}}});
  Pager pager(Webhook(sink.Url()));
  pager.Put("A");
  ASSERT_TRUE(pager.WaitForOutcome(Outcome::kFailed));
  pager.Put("B");
  ASSERT_TRUE(pager.WaitForOutcome(Outcome::kFailed, 2));
  EXPECT_EQ(sink.Requests().size(), 2u);
  const DeliveryResult last = *pager.notifier().Status()[0].last;
  EXPECT_EQ(last.reason, "HTTP 404");
  EXPECT_EQ(last.group_key, R"({}:{alertname="B"})");
  EXPECT_THAT(pager.Metrics(),
              HasSubstr("tierwatch_notifications_total{outcome=\"failed\",receiver=\"r\"} 2"));
}

bool Resolved(const SinkRequest& request) {
  return request.body.find(R"("status":"resolved","alerts")") != std::string::npos;
}

TEST(NotifierTest, WhatIsOverBeforeTheReceiverCouldBeReachedIsToldAsOne) {
  HttpSink sink;
  sink.Script({{.status = 503}});
  NotifierOptions options;
  options.delivery.first_backoff = Millis{3'000};
  Pager pager(Webhook(sink.Url()), options);
  pager.Put("A");
  ASSERT_TRUE(pager.WaitForOutcome(Outcome::kRetry));
  pager.Put("A", AlertState::kResolved);
  ASSERT_TRUE(pager.WaitForOutcome(Outcome::kDelivered));
  EXPECT_EQ(sink.Requests().size(), 2u);
  bool resolved_seen = false;
  for (const SinkRequest& request : sink.Requests()) {
    EXPECT_TRUE(Resolved(request) || !resolved_seen) << "firing after resolved";
    resolved_seen = resolved_seen || Resolved(request);
  }
  EXPECT_TRUE(resolved_seen);
  EXPECT_THAT(pager.Metrics(),
              HasSubstr("tierwatch_notifications_total{outcome=\"merged\",receiver=\"r\"} 1"));
}

// Nobody knows whether it arrived: it is told again under its key before what came after it.
TEST(NotifierTest, WhatMayHaveArrivedKeepsItsKeyAndItsPlace) {
  HttpSink sink;
  sink.Script({{.hang = true}});
  Pager pager(
      "route: {receiver: r, group_wait: 0s, group_interval: 10ms}\n"
      "receivers: [{name: r, webhook_configs: [{url: \"" +
      sink.Url() + "\", timeout: 200ms}]}]\n");
  pager.Put("A");
  ASSERT_TRUE(sink.WaitForRequests(1));
  pager.Put("A", AlertState::kResolved);
  ASSERT_TRUE(pager.WaitForOutcome(Outcome::kDelivered, 2));
  const std::vector<SinkRequest> requests = sink.Requests();
  ASSERT_EQ(requests.size(), 3u);
  EXPECT_EQ(requests[0].headers.at("idempotency-key"), requests[1].headers.at("idempotency-key"));
  EXPECT_EQ(requests[0].body, requests[1].body);
  EXPECT_FALSE(Resolved(requests[1]));
  EXPECT_TRUE(Resolved(requests[2]));
}

NotifierOptions Keeping(const TempDir& dir) {
  NotifierOptions options = Impatient();
  options.database_path = dir.path() + "/state.db";
  return options;
}

// The pager is gone before the receiver has answered, as after a crash; the next one begins with
// what is in the database.
TEST(NotifierTest, WhatWasOwedIsSentByTheNextProcessUnderTheSameKey) {
  TempDir dir;
  HttpSink sink;
  sink.Script({{.hang = true}});
  {
    Pager pager(Webhook(sink.Url()), Keeping(dir));
    pager.Put("A");
    ASSERT_TRUE(sink.WaitForRequests(1));
    pager.notifier().Stop(Millis{0});
  }
  Pager pager(Webhook(sink.Url()), Keeping(dir));
  ASSERT_TRUE(pager.WaitForOutcome(Outcome::kDelivered));
  pager.Put("A");  // as rules do at a start
  pager.Put("A", AlertState::kResolved);
  ASSERT_TRUE(pager.WaitForOutcome(Outcome::kDelivered, 2));
  const std::vector<SinkRequest> requests = sink.Requests();
  ASSERT_EQ(requests.size(), 3u);
  EXPECT_EQ(requests[0].headers.at("idempotency-key"), requests[1].headers.at("idempotency-key"));
  EXPECT_EQ(requests[0].body, requests[1].body);
  EXPECT_TRUE(Resolved(requests[2]));
}

TEST(NotifierTest, WhatWasToldIsNotToldAgainByTheNextProcess) {
  TempDir dir;
  HttpSink sink;
  {
    Pager pager(Webhook(sink.Url()), Keeping(dir));
    pager.Put("A");
    ASSERT_TRUE(pager.WaitForOutcome(Outcome::kDelivered));
    pager.notifier().Stop();
  }
  Pager pager(Webhook(sink.Url()), Keeping(dir));
  pager.Put("A");
  pager.Put("B");
  ASSERT_TRUE(pager.WaitForOutcome(Outcome::kDelivered));
  pager.notifier().Stop();
  ASSERT_EQ(sink.Requests().size(), 2u);
  EXPECT_THAT(sink.Requests()[1].body, HasSubstr(R"("alertname":"B")"));
}

TEST(NotifierTest, WithoutADatabaseItGoesOnAndWritesLater) {
  TempDir dir;
  HttpSink sink;
  NotifierOptions options = Impatient();
  options.database_path = dir.path() + "/later/state.db";
  options.database_retry = Millis{20};
  Pager pager(Webhook(sink.Url()), options);
  pager.Put("A");
  ASSERT_TRUE(pager.WaitForOutcome(Outcome::kDelivered, 2));
  EXPECT_FALSE(pager.notifier().persisting());
  EXPECT_THAT(pager.Metrics(), HasSubstr("tierwatch_notify_persisting 0"));
  std::filesystem::create_directory(dir.path() + "/later");
  ASSERT_TRUE(pager.WaitForOutcome(Outcome::kDelivered, 3));
  EXPECT_TRUE(pager.notifier().persisting());
  std::vector<std::string> told;
  const std::vector<NotificationRecord> history = *pager.notifier().History(5);
  for (const NotificationRecord& one : history) told.push_back(one.summary);
  EXPECT_THAT(told, ElementsAre("0 firing, 1 resolved: TierwatchStateNotWritten",
                                "1 firing, 0 resolved: TierwatchStateNotWritten",
                                "1 firing, 0 resolved: A"));
}

TEST(NotifierTest, PagesThatAreOverWhenTheReceiverComesBackMakeOneDigest) {
  HttpSink sink;
  std::vector<SinkReply> replies(3, SinkReply{.status = 503});
  replies.push_back({.delay = Millis{500}});  // while one is told, the others wait for each other
  sink.Script(std::move(replies));
  NotifierOptions options;
  options.delivery.first_backoff = Millis{4'000};
  Pager pager(Webhook(sink.Url(), 1), options);
  for (const char* name : {"A", "B", "C"}) pager.Put(name);
  ASSERT_TRUE(pager.WaitForOutcome(Outcome::kRetry, 3));
  for (const char* name : {"A", "B", "C"}) pager.Put(name, AlertState::kResolved);
  ASSERT_TRUE(pager.WaitForOutcome(Outcome::kDelivered));
  pager.notifier().Stop();
  const std::vector<SinkRequest> requests = sink.Requests();
  std::set<std::string> told;
  for (std::size_t i = 3; i < requests.size(); ++i) {
    EXPECT_TRUE(Resolved(requests[i]));
    for (const char* name : {"A", "B", "C"}) {
      if (requests[i].body.find(fmt::format(R"("labels":{{"alertname":"{}")", name)) !=
          std::string::npos)
        told.insert(name);
    }
  }
  EXPECT_THAT(told, ElementsAre("A", "B", "C"));
  EXPECT_TRUE(std::ranges::any_of(requests, [](const SinkRequest& request) {
    return request.body.find(R"("groupKey":"digest:{}")") != std::string::npos;
  })) << "those that were due at once";
}

TEST(NotifierTest, AcceptsNoMoreAlertsOfOthersThanThereIsRoomFor) {
  HttpSink sink;
  NotifierOptions options = Impatient();
  options.most_alerts = 3;
  Pager pager(Webhook(sink.Url()), options);
  const auto accept = [&](std::vector<std::string> names) {
    std::vector<Alert> alerts(names.size());
    for (std::size_t i = 0; i < names.size(); ++i) {
      alerts[i].labels = {{"alertname", names[i]}};
      alerts[i].state = AlertState::kFiring;
      alerts[i].ending = AlertEnding::kTold;
      alerts[i].fired_at = SystemClock().Now();
      alerts[i].valid_until = SystemClock().Now() + 60'000;
    }
    return pager.notifier().Accept(std::move(alerts)).ok();
  };
  EXPECT_TRUE(accept({"A", "B"}));
  EXPECT_TRUE(WaitUntil([&] { return !accept({"C", "D"}) && accept({"C"}) && !accept({"D"}); }));
  pager.Put("own");  // there is room for those of own rules
  EXPECT_TRUE(WaitUntil([&] {
    const auto requests = sink.Requests();
    return std::ranges::any_of(requests, [](const SinkRequest& request) {
      return request.body.find(R"("own")") != std::string::npos;
    });
  }));
}

TEST(NotifierTest, ALimitMakesADigestOfWhatIsMore) {
  HttpSink sink;
  Pager pager(  // one request at once: they come in the order of the queue
      "route: {receiver: r, group_by: [alertname], group_wait: 100ms}\n"
      "receivers: [{name: r, concurrency: 1, rate_limit: {notifications: 2, interval: 1h}, "
      "webhook_configs: [{url: \"" +
          sink.Url() + "\"}]}]\n",
      NotifierOptions());
  for (const char* name : {"A", "B", "C", "D"}) pager.Put(name);
  ASSERT_TRUE(pager.WaitForOutcome(Outcome::kDelivered, 2));
  pager.notifier().Stop();
  const std::vector<SinkRequest> requests = sink.Requests();
  ASSERT_EQ(requests.size(), 2u);
  EXPECT_THAT(requests[0].body, HasSubstr(R"("groupKey":"{}:{alertname=\"A\"}")"));
  EXPECT_THAT(requests[1].body, HasSubstr(R"("groupKey":"digest:{}")"));
  for (const char* name : {"B", "C", "D"})
    EXPECT_THAT(requests[1].body, HasSubstr(fmt::format(R"("alertname":"{}")", name)));
}

TEST(NotifierTest, AReceiverHasAsManyRequestsAtOnceAsItsConcurrency) {
  HttpSink slow, quick;
  slow.Always("/", {.hang = true});
  const auto config = [&](int concurrency) {
    return fmt::format(
        "route: {{group_by: [alertname], group_wait: 0s, receiver: slow,\n"
        "  routes: [{{receiver: slow, continue: true}}, {{receiver: quick}}]}}\n"
        "receivers: [{{name: slow, concurrency: {}, webhook_configs: [{{url: \"{}\"}}]}},\n"
        "  {{name: quick, webhook_configs: [{{url: \"{}\"}}]}}]\n",
        concurrency, slow.Url(), quick.Url());
  };
  Pager pager(config(3));
  for (const char* name : {"A", "B", "C", "D", "E"}) pager.Put(name);
  ASSERT_TRUE(slow.WaitForRequests(3));
  ASSERT_TRUE(quick.WaitForRequests(5));
  EXPECT_EQ(slow.Requests().size(), 3u);
  ASSERT_TRUE(pager.notifier().Reconfigure(NotifyConfigOf(config(4))));
  ASSERT_TRUE(slow.WaitForRequests(4));
  pager.Put("F");
  ASSERT_TRUE(quick.WaitForRequests(6));
  EXPECT_EQ(slow.Requests().size(), 4u);
}

TEST(NotifierTest, TheFallbackIsToldOfWhatItsReceiverRefuses) {
  HttpSink bad, good;
  bad.Always("/", {.status = 404});
  Pager pager(
      "route: {receiver: r, group_wait: 0s, group_interval: 10ms, fallback: f}\n"
      "receivers: [{name: r, webhook_configs: [{url: \"" +
      bad.Url() + "\"}]}, {name: f, webhook_configs: [{url: \"" + good.Url() + "\"}]}]\n");
  pager.Put("A");
  ASSERT_TRUE(good.WaitForRequests(1));
  EXPECT_FALSE(Resolved(good.Requests()[0]));
  pager.Put("A", AlertState::kResolved);
  ASSERT_TRUE(good.WaitForRequests(2));
  EXPECT_TRUE(Resolved(good.Requests()[1]));
}

TEST(NotifierTest, TheFallbackIsToldOfWhatIsOwedForTooLong) {
  HttpSink bad, good;
  bad.Always("/", {.status = 503});
  Pager pager(
      "route: {receiver: r, group_wait: 0s, fallback: f, fallback_after: 100ms}\n"
      "receivers: [{name: r, webhook_configs: [{url: \"" +
      bad.Url() + "\"}]}, {name: f, webhook_configs: [{url: \"" + good.Url() + "\"}]}]\n");
  pager.Put("A");
  ASSERT_TRUE(good.WaitForRequests(1));
  EXPECT_EQ(pager.notifier().Status()[0].pending, 1u) << "it is still owed";
}

TEST(NotifierTest, AHangingReceiverHoldsUpNoOther) {
  HttpSink hanging;
  hanging.Script(std::vector<SinkReply>(10, SinkReply{.hang = true}));
  HttpSink sink;
  Pager pager(
      "route:\n  receiver: bad\n  group_by: [alertname]\n  group_wait: 0s\n  routes:\n"
      "    - {receiver: bad, matchers: ['alertname=~\".+\"'], continue: true}\n"
      "    - {receiver: good}\n"
      "receivers:\n"
      "  - {name: bad, webhook_configs: [{url: \"" +
      hanging.Url() +
      "\", timeout: 1h}]}\n"
      "  - {name: good, webhook_configs: [{url: \"" +
      sink.Url() + "\"}]}\n");
  for (int i = 0; i < 20; ++i) pager.Put("A" + std::to_string(i));
  EXPECT_TRUE(sink.WaitForRequests(20));
  EXPECT_TRUE(hanging.WaitForRequests(2));
  EXPECT_EQ(pager.notifier().Status()[0].pending, 20u);
  EXPECT_THAT(pager.Metrics(), HasSubstr("tierwatch_outbox_pending{receiver=\"bad\"} 20"));
  const auto start = std::chrono::steady_clock::now();
  pager.notifier().Stop(Millis{50});
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10))
      << "requests are cut off at the end";
}

TEST(NotifierTest, RetryAfterHoldsForAllThatGoesThere) {
  HttpSink sink;
  sink.Script({{.status = 429, .headers = {{"Retry-After", "3600"}}}});
  Pager pager(Webhook(sink.Url()));
  pager.Put("A");
  ASSERT_TRUE(pager.WaitForOutcome(Outcome::kRetry));
  for (int i = 0; i < 5; ++i) pager.Put("B" + std::to_string(i));
  ASSERT_TRUE(WaitUntil([&] { return pager.notifier().Status()[0].pending == 6; }));
  EXPECT_FALSE(sink.WaitForRequests(2, Millis{200}));
}

TEST(NotifierTest, GivesUpAfterTheExpiry) {
  HttpSink sink;
  sink.Script(std::vector<SinkReply>(1'000, SinkReply{.status = 500}));
  NotifierOptions options = Impatient();
  options.expiry = Millis{60};
  Pager pager(Webhook(sink.Url()), options);
  pager.Put("A");
  ASSERT_TRUE(pager.WaitForOutcome(Outcome::kExpired));
  EXPECT_EQ(pager.notifier().Status()[0].pending, 0u);
  EXPECT_THAT(pager.Metrics(),
              HasSubstr("tierwatch_notifications_total{outcome=\"expired\",receiver=\"r\"} 1"));
}

TEST(NotifierTest, TheUrlIsReadFromItsFileEveryTime) {
  HttpSink sink;
  const TempDir dir;
  Pager pager(
      "route: {receiver: r, group_wait: 0s}\n"
      "receivers: [{name: r, webhook_configs: [{url_file: " +
      dir.path() + "/url}]}]\n");
  pager.Put("A");
  ASSERT_TRUE(pager.WaitForOutcome(Outcome::kRetry));
  EXPECT_THAT(pager.notifier().Recent().front().reason, HasSubstr("can't be read"));
  dir.Write("url", sink.Url("/from-file") + "\n");
  ASSERT_TRUE(sink.WaitForRequests(1));
  EXPECT_EQ(sink.Requests()[0].path, "/from-file");
}

TEST(NotifierTest, StopSendsWhatIsOwed) {
  HttpSink sink;
  sink.Script({{.status = 500}});
  Pager pager(Webhook(sink.Url()));
  pager.Put("A");
  pager.notifier().Stop();
  EXPECT_EQ(sink.Requests().size(), 2u);
  EXPECT_EQ(pager.notifier().Status()[0].pending, 0u);
}

TEST(NotifierTest, WithoutARouteNothingHappens) {
  Pager pager("{}");
  pager.Put("A");
  pager.notifier().Stop();
  EXPECT_TRUE(pager.notifier().Status().empty());
}

TEST(DeliveryTest, JudgesStatuses) {
  for (const int status : {200, 201, 204, 299})
    EXPECT_EQ(JudgeStatus(status), Outcome::kDelivered) << status;
  for (const int status : {408, 425, 429, 500, 502, 503, 504, 599})
    EXPECT_EQ(JudgeStatus(status), Outcome::kRetry) << status;
  for (const int status : {199, 301, 302, 400, 401, 403, 404, 410, 413}) {
    EXPECT_EQ(JudgeStatus(status), Outcome::kFailed) << status;
  }
}

// RFC 9110, section 10.2.3.
TEST(DeliveryTest, ReadsRetryAfter) {
  const TimestampMs now = 784'111'777'000;  // Sun, 06 Nov 1994 08:49:37 GMT
  EXPECT_EQ(ParseRetryAfter("120", now), Millis{120'000});
  EXPECT_EQ(ParseRetryAfter("0", now), Millis{0});
  EXPECT_EQ(ParseRetryAfter("Sun, 06 Nov 1994 08:50:07 GMT", now), Millis{30'000});
  EXPECT_EQ(ParseRetryAfter("Sun, 06 Nov 1994 08:00:00 GMT", now), Millis{0});
  for (const char* bad : {"", "-1", "1.5", "soon", "120s", "99999999999999", "Sun, 06 Nov 1994"}) {
    EXPECT_EQ(ParseRetryAfter(bad, now), std::nullopt) << bad;
  }
}

}  // namespace
}  // namespace tierwatch
