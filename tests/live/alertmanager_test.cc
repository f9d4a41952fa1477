// The same alerts under the same configuration to Debian's Alertmanager and to tierwatch: the
// receiver must not be able to tell which one it was.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "alerts/notify/notifier.h"
#include "base/duration.h"
#include "base/http_client.h"
#include "tests/support/files.h"
#include "tests/support/http_sink.h"
#include "tests/support/process.h"

namespace tierwatch {
namespace {

std::string Configuration(const std::string& url) {
  return R"(
route:
  receiver: root
  group_by: [service, alertname]
  group_wait: 1s
  group_interval: 1s
  repeat_interval: 1h
  routes:
    - matchers: [severity =~ "crit.*", 'team="a"', team!=b]
      receiver: team-X.pager+
      continue: true
    - match: {severity: critical}
      group_by: ['...']
      receiver: every
receivers:
  - name: root
  - name: team-X.pager+
    webhook_configs: [{url: ")" +
         url + R"(/pager"}, {url: ")" + url + R"(/short", max_alerts: 1, send_resolved: false}]
  - name: every
    webhook_configs: [{url: ")" +
         url + R"(/every"}]
)";
}

Alert MakeAlert(const std::string& tier, TimestampMs fired_at) {
  Alert alert;
  alert.labels = {{"alertname", "HighLatency"},
                  {"severity", "critical"},
                  {"service", "orgs-api"},
                  {"team", "a"},
                  {"tier", tier},
                  {"note", "a \"b\" \\ <c> & é"}};
  alert.annotations = {{"summary", "p95 > 100ms\non " + tier}, {"runbook", "http://r/?a=b&c=d"}};
  alert.state = AlertState::kFiring;
  alert.fired_at = fired_at;
  alert.generator_url = "http://tw/graph?g0.expr=a+%3E+1&g0.tab=1";
  return alert;
}

std::string Json(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    if (c == '\n') {
      quoted += "\\n";
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

std::string Json(const Labels& labels) {
  std::string text;
  for (const Label& label : labels)
    text += (text.empty() ? "{" : ",") + Json(label.name) + ":" + Json(label.value);
  return text + "}";
}

// The body of POST /api/v2/alerts.
std::string Json(const std::vector<Alert>& alerts) {
  std::string text = "[";
  for (const Alert& alert : alerts) {
    if (text.size() > 1) text += ",";
    text += fmt::format(R"({{"labels":{},"annotations":{},"generatorURL":{},"startsAt":"{}")",
                        Json(alert.labels), Json(alert.annotations), Json(alert.generator_url),
                        FormatTimestamp(alert.fired_at));
    if (alert.state == AlertState::kResolved)
      text += R"(,"endsAt":")" + FormatTimestamp(alert.resolved_at) + "\"";
    text += "}";
  }
  return text + "]";
}

// 0.25 does not know these two keys yet.
std::string Without(std::string body, std::string_view from, std::string_view to) {
  const std::size_t begin = body.find(from);
  const std::size_t end = body.find(to, begin);
  EXPECT_NE(begin, std::string::npos) << body;
  EXPECT_NE(end, std::string::npos) << body;
  return body.erase(begin, end - begin);
}

using Bodies = std::map<std::string, std::vector<std::string>>;  // by path

Bodies ByPath(const HttpSink& sink) {
  Bodies bodies;
  for (const SinkRequest& request : sink.Requests()) bodies[request.path].push_back(request.body);
  for (auto& [path, list] : bodies) {
    if (path == "/every") std::sort(list.begin(), list.end());  // groups of their own have no order
  }
  return bodies;
}

class Alertmanager {
 public:
  explicit Alertmanager(const std::string& configuration)
      : process_({"prometheus-alertmanager", "--config.file=" + dir_.Write("am.yml", configuration),
                  "--storage.path=" + dir_.path(), "--cluster.listen-address=",
                  "--web.external-url=http://tw.example/x", "--web.route-prefix=/",
                  fmt::format("--web.listen-address=127.0.0.1:{}", port_)}) {
    EXPECT_TRUE(WaitForPort(port_)) << process_.Output();
  }
  void Put(const std::vector<Alert>& alerts) {
    HttpRequest request;
    request.method = "POST";
    request.url = fmt::format("http://127.0.0.1:{}/api/v2/alerts", port_);
    request.headers = {{"Content-Type", "application/json"}};
    request.body = Json(alerts);
    const Result<HttpResponse> response = client_.Send(request);
    ASSERT_TRUE(response.ok()) << response.error().message;
    ASSERT_EQ(response->status, 200) << response->body;
  }

 private:
  const TempDir dir_;
  const int port_ = FreePort();
  Process process_;
  HttpClient client_{HttpOptions{}};
};

TEST(AlertmanagerLiveTest, ReceiversCanNotTellTheDifference) {
  if (!std::filesystem::exists("/usr/bin/prometheus-alertmanager"))
    GTEST_SKIP() << "no prometheus-alertmanager here";
  HttpSink theirs;
  HttpSink ours;
  Alertmanager alertmanager(Configuration(theirs.Url("")));
  SystemClock clock;
  const auto logger = MakeNullLogger();
  prometheus::Registry registry;
  Diagnostics diagnostics;
  const auto node = YamlNode::Parse(Configuration(ours.Url("")), "am.yml", diagnostics);
  NotifyConfig config = ReadNotifyConfig(node.value(), diagnostics);
  ASSERT_EQ(diagnostics.ToString(), "");
  Notifier notifier(std::move(config), "http://tw.example/x", clock, *logger, registry);

  std::vector<Alert> alerts{MakeAlert("L2", clock.Now()), MakeAlert("L1", clock.Now())};
  alerts[1].annotations.Set("only", "here");
  const auto put = [&] {
    alertmanager.Put(alerts);
    notifier.Put(alerts);
  };
  // Every step ends with what the receiver was told at it: pager, short and every.
  std::size_t expected = 0;
  const auto both_have = [&](std::size_t more) {
    expected += more;
    ASSERT_TRUE(theirs.WaitForRequests(expected, Millis{20'000})) << theirs.Requests().size();
    ASSERT_TRUE(ours.WaitForRequests(expected, Millis{20'000})) << ours.Requests().size();
  };
  put();
  both_have(4);  // pager 1, short 1, every 2
  alerts[0].state = AlertState::kResolved;
  alerts[0].resolved_at = clock.Now();
  put();
  both_have(2);  // pager 1, every 1
  alerts[1].state = AlertState::kResolved;
  alerts[1].resolved_at = clock.Now();
  put();
  both_have(2);

  const Bodies want = ByPath(theirs);
  Bodies have = ByPath(ours);
  ASSERT_EQ(have.size(), 3u);
  for (auto& [path, list] : have) {
    for (std::string& body : list) {
      body = Without(std::move(body), "\"notification_reason\":", "\"groupLabels\":");
      body = Without(std::move(body), "\"routeLabels\":", "\"externalURL\":");
    }
    EXPECT_EQ(list, want.at(path)) << path;
  }
}

}  // namespace
}  // namespace tierwatch
