// Alerts passed on to Alertmanagers: what each member of a cluster is sent, over faults of others.
#include "alerts/notify/forwarder.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <prometheus/text_serializer.h>

#include <sstream>

#include "base/duration.h"
#include "tests/support/http_sink.h"
#include "tests/support/notify_config.h"
#include "tests/support/process.h"

namespace tierwatch {
namespace {

class Scene {
 public:
  explicit Scene(const std::vector<std::string>& urls) {
    std::string list;
    for (const std::string& url : urls) list += (list.empty() ? "'" : ", '") + url + "'";
    config_ =
        NotifyConfigOf(fmt::format("route: {{receiver: none, routes: [{{matchers: [team=a], "
                                   "receiver: am}}]}}\nreceivers:\n- name: none\n- name: am\n  "
                                   "alertmanager_configs: [{{urls: [{}], timeout: 2s}}]\n",
                                   list));
    DeliveryOptions options;
    options.first_backoff = Millis{5};
    options.longest_backoff = Millis{20};
    forwarder_ = std::make_unique<Forwarder>(config_, options, clock_, *logger_, registry_);
  }

  Alert Make(const std::string& name, AlertState state = AlertState::kFiring) const {
    Alert alert;
    alert.labels = {{"alertname", name}, {"team", "a"}};
    alert.annotations = {{"summary", "s"}};
    alert.state = state;
    alert.fired_at = clock_.Now() - 60'000;
    alert.valid_until = clock_.Now() + 240'000;
    alert.resolved_at = state == AlertState::kResolved ? clock_.Now() : 0;
    alert.generator_url = "http://tw/graph?a=1&b=2";
    return alert;
  }
  Forwarder& forwarder() { return *forwarder_; }
  bool HasMetric(const std::string& line) const {
    std::ostringstream text;
    prometheus::TextSerializer().Serialize(text, registry_.Collect());
    return text.str().find(line) != std::string::npos;
  }

 private:
  SystemClock clock_;
  std::unique_ptr<Logger> logger_ = MakeNullLogger();
  mutable prometheus::Registry registry_;
  NotifyConfig config_;
  std::unique_ptr<Forwarder> forwarder_;
};

std::size_t Count(std::string_view text, std::string_view part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1))
    ++count;
  return count;
}

TEST(ForwarderTest, SaysWhatPrometheusWould) {
  HttpSink sink;
  Scene scene({sink.Url("/prefix/")});
  Alert firing = scene.Make("A");
  firing.fired_at = 1'700'000'000'000;
  firing.valid_until = 4'000'000'000'500;
  Alert resolved = scene.Make("B", AlertState::kResolved);
  resolved.fired_at = 1'700'000'000'000;
  Alert other = scene.Make("C");
  other.labels.Set("team", "b");
  Alert foreign = scene.Make("D");
  foreign.ending = AlertEnding::kTold;
  scene.forwarder().Put({firing, resolved, other, foreign});
  ASSERT_TRUE(sink.WaitForRequests(1));
  const SinkRequest request = sink.Requests().at(0);
  EXPECT_EQ(request.path, "/prefix/api/v2/alerts");
  EXPECT_EQ(request.headers.at("content-type"), "application/json");
  EXPECT_FALSE(request.headers.contains("idempotency-key"));
  EXPECT_EQ(
      request.body.find(R"([{"labels":{"alertname":"A","team":"a"},"annotations":{"summary":"s"},)"
                        R"("startsAt":"2023-11-14T22:13:20Z","endsAt":"2096-10-02T07:06:40.5Z",)"
                        R"("generatorURL":"http://tw/graph?a=1&b=2"},{"labels":{"alertname":"B")"),
      0u)
      << request.body;
  EXPECT_EQ(Count(request.body, R"("labels")"), 2u);
}

TEST(ForwarderTest, NobodyWaitsForADeadMember) {
  HttpSink dead, slow, living;
  dead.Always("/api/v2/alerts", {.hang = true});
  slow.Script(std::vector<SinkReply>(5, SinkReply{.status = 503}));
  Scene scene({dead.Url(""), slow.Url(""), living.Url("")});
  scene.forwarder().Put({scene.Make("A")});
  ASSERT_TRUE(living.WaitForRequests(1));
  ASSERT_TRUE(slow.WaitForRequests(6)) << "retried until it is taken";
  scene.forwarder().Put({scene.Make("A", AlertState::kResolved)});
  ASSERT_TRUE(living.WaitForRequests(2));
  ASSERT_TRUE(slow.WaitForRequests(7));
  EXPECT_EQ(dead.Requests().size(), 1u);
  const std::vector<QueueStatus> status = scene.forwarder().Status();
  ASSERT_EQ(status.size(), 3u);
  EXPECT_EQ(status[2].queue, fmt::format("am/alertmanager[0]/127.0.0.1:{}", living.port()));
  EXPECT_EQ(status[2].pending, 0u);
}

TEST(ForwarderTest, WhatWaitsIsTheNewestStateOfEach) {
  HttpSink sink;
  std::vector<SinkReply> replies(1, SinkReply{.status = 429, .delay = Millis{200}});
  sink.Script(std::move(replies));
  Scene scene({sink.Url("")});
  scene.forwarder().Put({scene.Make("A"), scene.Make("B")});
  ASSERT_TRUE(sink.WaitForRequests(1));
  Alert outdated = scene.Make("C");
  outdated.valid_until = 1;
  const Alert over = scene.Make("A", AlertState::kResolved);
  scene.forwarder().Put({over, outdated});
  ASSERT_TRUE(sink.WaitForRequests(2));
  const std::string body = sink.Requests().at(1).body;
  EXPECT_EQ(Count(body, R"("labels")"), 2u) << body;
  EXPECT_EQ(body.find(R"("C")"), std::string::npos) << body;
  EXPECT_NE(body.find(R"("endsAt":")" + FormatTimestamp(over.resolved_at)), std::string::npos)
      << body;
  const std::string labels = fmt::format(R"(member="alertmanager[0]/127.0.0.1:{}",)", sink.port());
  EXPECT_TRUE(WaitUntil([&] {
    return scene.HasMetric("tierwatch_forwarded_alerts_total{" + labels +
                           R"(outcome="delivered",receiver="am"} 2)");
  }));
  EXPECT_TRUE(scene.HasMetric("tierwatch_forwarded_alerts_total{" + labels +
                              R"(outcome="expired",receiver="am"} 1)"));
}

TEST(ForwarderTest, BatchesAndRefusals) {
  HttpSink sink;
  sink.Script({SinkReply{.status = 400}});
  Scene scene({sink.Url("")});
  std::vector<Alert> alerts;
  for (int i = 0; i < 600; ++i) alerts.push_back(scene.Make(fmt::format("A{}", i)));
  scene.forwarder().Put(alerts);
  ASSERT_TRUE(sink.WaitForRequests(3));
  scene.forwarder().Stop(Millis{5'000});
  std::vector<std::size_t> sizes;
  for (const SinkRequest& request : sink.Requests())
    sizes.push_back(Count(request.body, R"("labels")"));
  EXPECT_EQ(sizes, (std::vector<std::size_t>{256, 256, 88})) << "what is refused is not repeated";
  EXPECT_TRUE(scene.HasMetric(R"(outcome="failed",receiver="am"} 256)"));
}

}  // namespace
}  // namespace tierwatch
