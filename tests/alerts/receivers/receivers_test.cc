// What each receiver sends: payloads by the receivers' own documentation and Alertmanager's source,
// and what becomes of answers.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "alerts/notify/config.h"
#include "tests/support/files.h"
#include "tests/support/http_sink.h"
#include "tests/support/notify_config.h"

namespace tierwatch {
namespace {

using Json = nlohmann::json;

Alert MakeAlert(const std::string& tier, bool firing) {
  Alert alert;
  alert.labels = {{"alertname", "HighLatency"}, {"service", "api"}, {"tier", tier}};
  alert.annotations = {{"summary", "slow <b>" + tier + "</b>"}};
  alert.state = firing ? AlertState::kFiring : AlertState::kResolved;
  alert.fired_at = 1'700'000'000'000;
  alert.resolved_at = firing ? 0 : 1'700'000'060'000;
  alert.generator_url = "http://tw/graph?a=1&b=2";
  return alert;
}

Notification Page(bool firing = true) {
  Notification page;
  page.receiver = "on.call";
  page.group_key = R"({}:{alertname="HighLatency"})";
  page.group_labels = {{"alertname", "HighLatency"}};
  page.alerts = {MakeAlert("L1", firing), MakeAlert("L2", false)};
  page.external_url = "http://tw";
  page.time = 1'700'000'090'000;
  return page;
}

// printf '%s' '{}:{alertname="HighLatency"}' | sha256sum
constexpr const char* kHash = "d4061866bc333de2350285b0452a21f78349e3d63b4f06b6c956f64f95d7be36";
constexpr const char* kLink = R"(http://tw/#/alerts?receiver=on%5C.call)";
constexpr const char* kSubject = "[FIRING:1] HighLatency (api)";

std::shared_ptr<Integration> Make(const std::string& receiver, const std::string& global = "{}") {
  const NotifyConfig config = NotifyConfigOf("route: {receiver: r}\nglobal: " + global +
                                             "\nreceivers:\n  - name: r\n    " + receiver + "\n");
  return config.receivers.at(0).integrations.at(0);
}

std::string InstancesText(const std::string& tier) {
  return "Labels:\n - alertname = HighLatency\n - service = api\n - tier = " + tier +
         "\nAnnotations:\n - summary = slow <b>" + tier + "</b>\nSource: http://tw/graph?a=1&b=2\n";
}

TEST(PagerDutyTest, EventByDefault) {
  HttpSink sink;
  const auto pager =
      Make("pagerduty_configs: [{routing_key: KEY, url: \"" + sink.Url("/v2/enqueue") + "\"}]");
  EXPECT_EQ(pager->name(), "r/pagerduty[0]");
  EXPECT_TRUE(pager->send_resolved());
  const std::string body = pager->Encode(Page());
  EXPECT_EQ(body.find("KEY"), std::string::npos) << "the outbox keeps no secret";
  const SendResult result = pager->Send(body, {.idempotency_key = "i", .state = ""});
  EXPECT_EQ(result.outcome, Outcome::kDelivered);
  const Json want = {{"routing_key", "KEY"},
                     {"dedup_key", kHash},
                     {"event_action", "trigger"},
                     {"client", "Alertmanager"},
                     {"client_url", kLink},
                     {"payload",
                      {{"summary", kSubject},
                       {"source", "Alertmanager"},
                       {"severity", "error"},
                       {"custom_details",
                        {{"firing", InstancesText("L1")},
                         {"resolved", InstancesText("L2")},
                         {"num_firing", "1"},
                         {"num_resolved", "1"}}}}}};
  EXPECT_EQ(Json::parse(sink.Requests().at(0).body), want);
  EXPECT_EQ(Json::parse(pager->Encode(Page(false)))["event_action"], "resolve");
}

TEST(PagerDutyTest, TemplatesLinksImagesAndLimits) {
  const auto pager = Make(R"(pagerduty_configs:
      - routing_key: k
        severity: '{{ if eq .CommonLabels.service "api" }}critical{{ else }}info{{ end }}'
        description: '{{ range .Alerts }}{{ range stringSlice .Labels.tier }}{{ . }}{{ end }}{{ end }}'
        class: c
        details: {firing: '', huge: '{{ reReplaceAll "L" (printf "%09999d" 1) (join "" (stringSlice "LLLLLLLLLL" "LLLLLLLLLL" "LLLLLLLLLL" "LLLLLLLLLL" "LLLLLLLLLL" "LLLLL")) }}'}
        links: [{href: 'http://r/{{ .Status }}', text: run}, {href: ''}]
        images: [{src: s, alt: a, href: h}])");
  const Json event = Json::parse(pager->Encode(Page()));
  EXPECT_EQ(event["payload"]["severity"], "critical");
  EXPECT_EQ(event["payload"]["summary"], "L1L2");
  EXPECT_EQ(event["payload"]["class"], "c");
  EXPECT_EQ(event["links"], Json::parse(R"([{"href":"http://r/firing","text":"run"}])"));
  EXPECT_EQ(event["images"], Json::parse(R"([{"src":"s","alt":"a","href":"h"}])"));
  // 55 times 9,999 digits are over 512,000 bytes.
  EXPECT_EQ(event["payload"]["custom_details"].size(), 1u);
  EXPECT_TRUE(event["payload"]["custom_details"].contains("error"));

  Notification long_page = Page();
  for (Alert& alert : long_page.alerts) alert.labels.Set("tier", std::string(2000, 'x'));
  const std::string summary = Json::parse(pager->Encode(long_page))["payload"]["summary"];
  EXPECT_EQ(summary, std::string(1023, 'x') + "…");
}

TEST(PagerDutyTest, ShowsTheFirstAlertsChart) {
  const auto pager = Make("pagerduty_configs: [{routing_key: k}]");
  const auto own = Make("pagerduty_configs: [{routing_key: k, links: [], images: []}]");
  Notification page = Page();
  const auto event = [&](const auto& receiver) { return Json::parse(receiver->Encode(page)); };
  EXPECT_FALSE(event(pager).contains("links"));
  EXPECT_FALSE(event(pager).contains("images"));
  page.alerts[0].annotations.Set("chart_url", "https://tw/chart.png?x&y");
  EXPECT_EQ(event(pager)["links"],
            Json::parse(R"([{"href": "https://tw/chart.png?x&y", "text": "The last hour"}])"));
  EXPECT_EQ(event(pager)["images"], (Json{{{"src", "https://tw/chart.png?x&y"},
                                           {"alt", "The last hour"},
                                           {"href", page.alerts[0].generator_url}}}));
  EXPECT_FALSE(event(own).contains("links"));
  EXPECT_FALSE(event(own).contains("images"));
  page.alerts[0].annotations.Set("chart_url", "http://tw/chart.png");
  EXPECT_TRUE(event(pager).contains("links"));
  EXPECT_FALSE(event(pager).contains("images")) << "PagerDuty takes them by HTTPS alone";
}

TEST(OpsgenieTest, CreatesAndClosesByAlias) {
  HttpSink sink;
  TempDir folder;
  const std::string key = folder.Write("key", "SECRET\n");
  const auto genie = Make(
      "opsgenie_configs: [{priority: P1, tags: 'a,,{{ .CommonLabels.service }}', "
      "details: {more: x}, responders: [{name: 'a,b', type: teams}, "
      "{name: '{{ .CommonLabels.none }}', type: '{{ .CommonLabels.none }}'}]}]",
      "{opsgenie_api_key_file: \"" + key + "\", opsgenie_api_url: \"" + sink.Url("/x") + "\"}");
  EXPECT_EQ(genie->Send(genie->Encode(Page()), {.idempotency_key = "i", .state = ""}).outcome,
            Outcome::kDelivered);
  folder.Write("key", "NEW");
  EXPECT_EQ(genie->Send(genie->Encode(Page(false)), {.idempotency_key = "i", .state = ""}).outcome,
            Outcome::kDelivered);
  const auto requests = sink.Requests();
  ASSERT_EQ(requests.size(), 2u);
  EXPECT_EQ(requests[0].path, "/x/v2/alerts");
  EXPECT_EQ(requests[0].headers.at("authorization"), "GenieKey SECRET");
  EXPECT_EQ(
      Json::parse(requests[0].body),
      (Json{{"alias", kHash},
            {"message", kSubject},
            {"description", "\nAlerts Firing:\n" + InstancesText("L1") + "\nAlerts Resolved:\n" +
                                InstancesText("L2")},
            {"details", {{"alertname", "HighLatency"}, {"service", "api"}, {"more", "x"}}},
            {"source", kLink},
            {"responders", {{{"name", "a"}, {"type", "team"}}, {{"name", "b"}, {"type", "team"}}}},
            {"tags", {"a", "api"}},
            {"priority", "P1"}}));
  EXPECT_EQ(requests[1].path, std::string("/x/v2/alerts/") + kHash + "/close?identifierType=alias");
  EXPECT_EQ(requests[1].headers.at("authorization"), "GenieKey NEW") << "the file is read again";
  EXPECT_EQ(Json::parse(requests[1].body), (Json{{"source", kLink}}));
}

TEST(SlackTest, ShowsTheFirstAlertsChart) {
  const auto slack = Make("slack_configs: [{channel: '#c', api_url: 'http://h'}]");
  Notification page = Page();
  const auto image = [&] {
    return Json::parse(slack->Encode(page))["attachments"][0].value("image_url", "none");
  };
  EXPECT_EQ(image(), "none");
  page.alerts[0].annotations.Set("chart_url", "http://tw/chart.png?x&y");
  EXPECT_EQ(image(), "http://tw/chart.png?x&y");
  page.alerts[0].annotations.Set("chart_url", "http://tw/" + std::string(3'000, 'x'));
  EXPECT_EQ(image(), "none");
}

TEST(SlackTest, IncomingWebhook) {
  HttpSink sink;
  sink.Script(
      {{.body = "ok"}, {.body = "no_service"}, {.status = 429, .headers = {{"Retry-After", "7"}}}});
  const auto slack = Make(
      "slack_configs: [{channel: '#c', fields: [{title: t, value: v}], "
      "short_fields: true, link_names: true, "
      "actions: [{type: button, text: go, url: 'http://r', name: x}]}]",
      "{slack_api_url: \"" + sink.Url("/hook") + "\"}");
  EXPECT_FALSE(slack->send_resolved());
  const std::string body = slack->Encode(Page());
  const Json want = {{"channel", "#c"},
                     {"username", "Alertmanager"},
                     {"link_names", true},
                     {"attachments",
                      {{{"title", kSubject},
                        {"title_link", kLink},
                        {"text", ""},
                        {"fallback", std::string(kSubject) + " | " + kLink},
                        {"callback_id", ""},
                        {"footer", ""},
                        {"color", "danger"},
                        {"fields", {{{"title", "t"}, {"value", "v"}, {"short", true}}}},
                        {"actions", {{{"type", "button"}, {"text", "go"}, {"url", "http://r"}}}},
                        {"mrkdwn_in", {"fallback", "pretext", "text"}}}}}};
  EXPECT_EQ(Json::parse(body), want);
  const SendContext context{.idempotency_key = "i", .state = ""};
  EXPECT_EQ(slack->Send(body, context).outcome, Outcome::kDelivered);
  const SendResult refused = slack->Send(body, context);
  EXPECT_EQ(refused.outcome, Outcome::kFailed);
  EXPECT_EQ(refused.reason, "Slack said \"no_service\"");
  const SendResult later = slack->Send(body, context);
  EXPECT_EQ(later.outcome, Outcome::kRetry);
  EXPECT_EQ(later.retry_after, Millis{7'000});
}

TEST(SlackTest, ABotChangesItsMessage) {
  HttpSink sink;
  const SinkReply good{.headers = {{"Content-Type", "application/json; charset=utf-8"}},
                       .body = R"({"ok":true,"channel":"C1","ts":"1.5"})"};
  SinkReply bad = good;
  bad.body = R"({"ok":false,"error":"channel_not_found"})";
  sink.Script({good, good, bad});
  const auto slack =
      Make("slack_configs: [{channel: '#c', update_message: true}]",
           "{slack_app_token: xoxb, slack_app_url: \"" + sink.Url("/api/chat.postMessage") + "\"}");
  const std::string body = slack->Encode(Page());
  const SendResult first = slack->Send(body, {.idempotency_key = "i", .state = ""});
  EXPECT_EQ(first.outcome, Outcome::kDelivered);
  ASSERT_EQ(first.state, "C1 1.5");
  EXPECT_EQ(slack->Send(body, {.idempotency_key = "i", .state = *first.state}).outcome,
            Outcome::kDelivered);
  const SendResult refused = slack->Send(body, {.idempotency_key = "i", .state = *first.state});
  EXPECT_EQ(refused.outcome, Outcome::kFailed);
  EXPECT_EQ(refused.reason, "Slack refused it: channel_not_found");
  const auto requests = sink.Requests();
  EXPECT_EQ(requests[0].path, "/api/chat.postMessage");
  EXPECT_EQ(requests[0].headers.at("authorization"), "Bearer xoxb");
  EXPECT_EQ(requests[1].path, "/api/chat.update");
  EXPECT_EQ(Json::parse(requests[1].body)["channel"], "C1");
  EXPECT_EQ(Json::parse(requests[1].body)["ts"], "1.5");
}

// Whatever happened to the outbox, a body that can't be read fails; it does not crash or go out.
TEST(ReceiversTest, SpoiledBodiesFail) {
  for (const char* receiver : {"pagerduty_configs: [{routing_key: k, url: 'http://127.0.0.1:1'}]",
                               "opsgenie_configs: [{api_key: k, api_url: 'http://127.0.0.1:1'}]"}) {
    const auto integration = Make(receiver);
    for (const char* body : {"", "[", "[1]", "\xff"}) {
      EXPECT_EQ(integration->Send(body, {.idempotency_key = "i", .state = ""}).outcome,
                Outcome::kFailed)
          << receiver << body;
    }
  }
}

// A template that fails stands in the text; the page goes out.
TEST(ReceiversTest, FailingTemplatesDoNotHoldUpAPage) {
  const auto pager = Make("pagerduty_configs: [{routing_key: k, description: '{{ .Nothing }}'}]");
  const std::string summary = Json::parse(pager->Encode(Page()))["payload"]["summary"];
  EXPECT_EQ(summary.substr(0, 31), "<error expanding template: 1:4:") << summary;
}

}  // namespace
}  // namespace tierwatch
