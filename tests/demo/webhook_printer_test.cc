// What the on-call phone makes of Alertmanager's webhook payload.
#include "demo/webhook_printer.h"

#include <gtest/gtest.h>

#include "base/http_client.h"

namespace tierwatch::demo {
namespace {

// The documented shape: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
constexpr char kPayload[] = R"({
  "version": "4", "groupKey": "{}:{alertname=\"CacheBackendDown\"}", "truncatedAlerts": 0,
  "status": "firing", "receiver": "on-call",
  "groupLabels": {"alertname": "CacheBackendDown"}, "commonLabels": {}, "commonAnnotations": {},
  "externalURL": "http://localhost:9917",
  "alerts": [
    {"status": "firing",
     "labels": {"alertname": "CacheBackendDown", "severity": "critical", "tier": "L3-Redis"},
     "annotations": {"summary": "L3-Redis is down\u001b[2J"},
     "startsAt": "2025-11-07T20:00:04.250Z", "endsAt": "0001-01-01T00:00:00Z",
     "generatorURL": "", "fingerprint": "1"},
    {"status": "resolved",
     "labels": {"alertname": "LowHitRate", "severity": "warning"},
     "annotations": {},
     "startsAt": "2025-11-07T20:00:00Z", "endsAt": "2025-11-07T20:01:30.5Z",
     "generatorURL": "", "fingerprint": "2"}]})";

TEST(WebhookPrinter, OneOrTwoLinesAPage) {
  const Result<std::vector<Page>> pages = ParsePages(kPayload);
  ASSERT_TRUE(pages.ok()) << pages.error().message;
  ASSERT_EQ(pages->size(), 2u);
  EXPECT_EQ(FormatPage(pages->at(0), false),
            "FIRING    CacheBackendDown  critical  since 20:00:04\n"
            "          L3-Redis is down [2J");
  EXPECT_EQ(FormatPage(pages->at(1), false),
            "RESOLVED  LowHitRate        warning   since 20:00:00, after 1m30s");
  EXPECT_EQ(FormatPage(pages->at(1), true).substr(0, 7), "\x1b[1;32m");
}

TEST(WebhookPrinter, RefusesWhatIsNoPage) {
  for (const char* body : {"", "nonsense", "[]", "{}", R"({"version":"4"})",
                           R"({"version":"4","alerts":{}})", R"({"version":"4","alerts":[3]})",
                           R"({"version":"4","alerts":[{"labels":[],"startsAt":"soon"}]})"}) {
    EXPECT_FALSE(ParsePages(body).ok()) << body;
  }
}

TEST(WebhookPrinter, ReceivesOverHttp) {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::string> names;
  auto receiver = WebhookReceiver::Start([&](const Page& page) {
    std::lock_guard lock(mutex);
    names.push_back(page.name);
    changed.notify_all();
  });
  ASSERT_TRUE(receiver.ok()) << receiver.error().message;

  HttpClient client{HttpOptions{}};
  const auto post = [&](std::string body) {
    HttpRequest request;
    request.method = "POST";
    request.url = (*receiver)->url();
    request.body = std::move(body);
    const Result<HttpResponse> response = client.Send(request);
    EXPECT_TRUE(response.ok()) << response.error().message;
    return response.ok() ? response->status : -1;
  };
  EXPECT_EQ(post(kPayload), 200);
  EXPECT_EQ(post("nonsense"), 400);
  EXPECT_EQ(post(std::string((1u << 20) + 1, 'x')), 413);
  std::unique_lock lock(mutex);
  EXPECT_TRUE(changed.wait_for(lock, std::chrono::seconds(10), [&] { return names.size() == 2; }));
  EXPECT_EQ(names, (std::vector<std::string>{"CacheBackendDown", "LowHitRate"}));
}

}  // namespace
}  // namespace tierwatch::demo
