#include "alerts/receivers/webhook.h"

#include <gtest/gtest.h>

namespace tierwatch {
namespace {

Alert MakeAlert(Labels labels, AlertState state) {
  Alert alert;
  alert.labels = std::move(labels);
  alert.annotations = {{"summary", "p95 <200ms> & rising"}};
  alert.state = state;
  alert.active_at = 1'700'000'000'000;
  alert.fired_at = 1'700'000'060'250;  // 2023-11-14T22:14:20.25Z
  alert.resolved_at = state == AlertState::kResolved ? 1'700'000'120'000 : 0;
  alert.generator_url = "http://tw/graph?g0.expr=a+%3E+1&g0.tab=1";
  return alert;
}

Notification TwoAlerts() {
  Notification notification;
  notification.receiver = "team-X.pager";
  notification.integration = "team-X.pager/webhook[0]";
  notification.group_key = R"({}/{severity="critical"}:{alertname="HighLatency"})";
  notification.group_labels = {{"alertname", "HighLatency"}};
  notification.reason = NotifyReason::kFirst;
  notification.alerts = {
      MakeAlert({{"alertname", "HighLatency"}, {"severity", "critical"}, {"tier", "L1"}},
                AlertState::kFiring),
      MakeAlert({{"alertname", "HighLatency"}, {"severity", "critical"}, {"tier", "L2"}},
                AlertState::kResolved)};
  notification.external_url = "https://tierwatch.example.org";
  return notification;
}

// Keys and their order as Alertmanager 0.34 emits them; the fingerprints are FNV-1a 64 over the
// labels, computed apart from this code.
TEST(WebhookPayloadTest, WholeBody) {
  EXPECT_EQ(
      WebhookPayload(TwoAlerts()),
      R"({"receiver":"team-X\\.pager","status":"firing","alerts":[)"
      R"({"status":"firing","labels":{"alertname":"HighLatency","severity":"critical","tier":"L1"},)"
      R"("annotations":{"summary":"p95 \u003c200ms\u003e \u0026 rising"},)"
      R"("startsAt":"2023-11-14T22:14:20.25Z","endsAt":"0001-01-01T00:00:00Z",)"
      R"("generatorURL":"http://tw/graph?g0.expr=a+%3E+1\u0026g0.tab=1","fingerprint":"f2ff0f5374e44f51"},)"
      R"({"status":"resolved","labels":{"alertname":"HighLatency","severity":"critical","tier":"L2"},)"
      R"("annotations":{"summary":"p95 \u003c200ms\u003e \u0026 rising"},)"
      R"("startsAt":"2023-11-14T22:14:20.25Z","endsAt":"2023-11-14T22:15:20Z",)"
      R"("generatorURL":"http://tw/graph?g0.expr=a+%3E+1\u0026g0.tab=1","fingerprint":"f3090f5374eca3d6"}],)"
      R"("notification_reason":"first notification","groupLabels":{"alertname":"HighLatency"},)"
      R"("commonLabels":{"alertname":"HighLatency","severity":"critical"},)"
      R"("commonAnnotations":{"summary":"p95 \u003c200ms\u003e \u0026 rising"},"routeLabels":{},)"
      R"("externalURL":"https://tierwatch.example.org","version":"4",)"
      R"("groupKey":"{}/{severity=\"critical\"}:{alertname=\"HighLatency\"}","truncatedAlerts":0})"
      "\n");
}

TEST(WebhookPayloadTest, TruncationComesBeforeEverythingElse) {
  Notification notification = TwoAlerts();
  std::swap(notification.alerts[0], notification.alerts[1]);
  const std::string body = WebhookPayload(notification, 1);
  EXPECT_NE(body.find(R"("truncatedAlerts":1})"), std::string::npos);
  EXPECT_NE(body.find(R"("status":"resolved","alerts":[)"), std::string::npos);
  EXPECT_NE(
      body.find(R"("commonLabels":{"alertname":"HighLatency","severity":"critical","tier":"L2"})"),
      std::string::npos);
  EXPECT_EQ(body.find("\"firing\""), std::string::npos);
}

// From the behaviour of Go's encoding/json.
TEST(WebhookPayloadTest, EscapesAsGoDoes) {
  Notification notification;
  notification.group_key = "q\"b\\s/n\nr\rt\tb\bf\fc\x01 d\x7f ü\u2028\u2029\xff<>&";
  const std::string body = WebhookPayload(notification);
  EXPECT_NE(body.find("\"groupKey\":\"q\\\"b\\\\s/n\\nr\\rt\\tb\\bf\\fc\\u0001 d\x7f "
                      "ü\\u2028\\u2029\xef\xbf\xbd"
                      "\\u003c\\u003e\\u0026\""),
            std::string::npos)
      << body;
}

}  // namespace
}  // namespace tierwatch
