// The same alerts under the same configuration to Debian's Alertmanager and to tierwatch: the
// receiver must not be able to tell which one it was.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <set>

#include "alerts/notify/notifier.h"
#include "base/duration.h"
#include "base/http_client.h"
#include "tests/support/files.h"
#include "tests/support/http_sink.h"
#include "tests/support/notify_config.h"
#include "tests/support/process.h"

namespace tierwatch {
namespace {

constexpr const char* kRouting = R"(
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
    webhook_configs: [{url: "{url}/pager"}, {url: "{url}/short", max_alerts: 1, send_resolved: false}]
  - name: every
    webhook_configs: [{url: "{url}/every"}]
)";

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

// An Alertmanager and a notifier of ours under one configuration, which names receivers of its own
// for each: {url} stands for where they are.
class Rig {
 public:
  explicit Rig(const std::string& configuration) {
    alertmanager_.emplace(std::vector<std::string>{
        "prometheus-alertmanager",
        "--config.file=" + dir_.Write("am.yml", WithUrl(configuration, theirs_.Url(""))),
        "--storage.path=" + dir_.path(),
        "--cluster.listen-address=", "--web.external-url=http://tw.example/x",
        "--web.route-prefix=/", fmt::format("--web.listen-address=127.0.0.1:{}", port_)});
    EXPECT_TRUE(WaitForPort(port_)) << alertmanager_->Output();
    NotifyConfig config = NotifyConfigOf(WithUrl(configuration, ours_.Url("")));
    notifier_ = std::make_unique<Notifier>(std::move(config), "http://tw.example/x", clock_,
                                           *logger_, registry_);
  }

  TimestampMs Now() const { return clock_.Now(); }
  void Put(const std::vector<Alert>& alerts) {
    Post("alerts", Json(alerts));
    notifier_->Put(alerts);
  }
  void Silence(const std::string& name, const std::string& value) {
    tierwatch::Silence silence;
    const std::vector<AlertMatcher> parsed = *ParseAlertMatchers(name + "=\"" + value + "\"");
    for (const AlertMatcher& matcher : parsed) silence.matchers.Add(matcher);
    silence.starts_at = Now();
    silence.ends_at = Now() + 3'600'000;
    silence.created_by = silence.comment = "test";
    std::string id;
    EXPECT_FALSE(notifier_->silences().Set(silence, Now(), id));
    Post("silences",
         fmt::format(R"({{"matchers":[{{"name":{},"value":{},"isRegex":false}}],"startsAt":"{}",)"
                     R"("endsAt":"{}","createdBy":"test","comment":"test"}})",
                     Json(name), Json(value), FormatTimestamp(silence.starts_at),
                     FormatTimestamp(silence.ends_at)));
  }
  /// Both have told so many more.
  void BothTell(std::size_t more) {
    expected_ += more;
    ASSERT_TRUE(theirs_.WaitForRequests(expected_, Millis{20'000})) << theirs_.Requests().size();
    ASSERT_TRUE(ours_.WaitForRequests(expected_, Millis{20'000})) << ours_.Requests().size();
  }
  /// What was told so far is the same to the byte, but for the keys that 0.25 does not know yet;
  /// `apart` are paths whose groups have no order among themselves.
  void ExpectTheSame(const std::set<std::string>& apart = {}) {
    const Bodies theirs = ByPath(theirs_, apart);
    Bodies ours = ByPath(ours_, apart);
    EXPECT_EQ(ours.size(), theirs.size());
    for (auto& [path, list] : ours) {
      for (std::string& body : list) {
        body = Without(std::move(body), "\"notification_reason\":", "\"groupLabels\":");
        body = Without(std::move(body), "\"routeLabels\":", "\"externalURL\":");
      }
      if (apart.contains(path)) std::ranges::sort(list);
      ASSERT_TRUE(theirs.contains(path)) << path;
      EXPECT_EQ(list, theirs.at(path)) << path;
    }
  }

 private:
  using Bodies = std::map<std::string, std::vector<std::string>>;  // by path

  static std::string WithUrl(std::string text, const std::string& url) {
    for (std::size_t at = 0; (at = text.find("{url}", at)) != std::string::npos;)
      text.replace(at, 5, url);
    return text;
  }
  Bodies ByPath(const HttpSink& sink, const std::set<std::string>& apart) const {
    Bodies bodies;
    const std::vector<SinkRequest> requests = sink.Requests();
    for (std::size_t i = 0; i < std::min(requests.size(), expected_); ++i)
      bodies[requests[i].path].push_back(requests[i].body);
    for (auto& [path, list] : bodies) {
      if (apart.contains(path)) std::ranges::sort(list);
    }
    return bodies;
  }
  void Post(const std::string& what, const std::string& body) {
    HttpRequest request;
    request.method = "POST";
    request.url = fmt::format("http://127.0.0.1:{}/api/v2/{}", port_, what);
    request.headers = {{"Content-Type", "application/json"}};
    request.body = body;
    const Result<HttpResponse> response = client_.Send(request);
    ASSERT_TRUE(response.ok()) << response.error().message;
    ASSERT_EQ(response->status, 200) << response->body;
  }

  const TempDir dir_;
  const int port_ = FreePort();
  HttpSink theirs_, ours_;
  std::size_t expected_ = 0;
  std::optional<Process> alertmanager_;
  HttpClient client_{HttpOptions{}};
  SystemClock clock_;
  const std::unique_ptr<Logger> logger_ = MakeNullLogger();
  prometheus::Registry registry_;
  std::unique_ptr<Notifier> notifier_;
};

class AlertmanagerLiveTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists("/usr/bin/prometheus-alertmanager"))
      GTEST_SKIP() << "no prometheus-alertmanager here";
  }
  static void Resolve(Alert& alert, TimestampMs now) {
    alert.state = AlertState::kResolved;
    alert.resolved_at = now;
  }
};

TEST_F(AlertmanagerLiveTest, ReceiversCanNotTellTheDifference) {
  Rig rig(kRouting);
  std::vector<Alert> alerts{MakeAlert("L2", rig.Now()), MakeAlert("L1", rig.Now())};
  alerts[1].annotations.Set("only", "here");
  rig.Put(alerts);
  rig.BothTell(4);  // pager 1, short 1, every 2
  Resolve(alerts[0], rig.Now());
  rig.Put(alerts);
  rig.BothTell(2);  // pager 1, every 1
  Resolve(alerts[1], rig.Now());
  rig.Put(alerts);
  rig.BothTell(2);
  rig.ExpectTheSame({"/every"});
}

// Of one group an alert is inhibited and another silenced; elsewhere all are muted.
TEST_F(AlertmanagerLiveTest, TheSameIsHeldBack) {
  Rig rig(R"(
route:
  receiver: told
  group_by: [service]
  group_wait: 1s
  group_interval: 1s
  repeat_interval: 1h
  routes:
    - {receiver: muted, continue: true, mute_time_intervals: [always]}
    - {receiver: inactive, continue: true, active_time_intervals: [past]}
    - {receiver: active, continue: true, mute_time_intervals: [past], active_time_intervals: [always]}
    - {receiver: told}
receivers:
  - {name: told, webhook_configs: [{url: "{url}/told"}]}
  - {name: muted, webhook_configs: [{url: "{url}/muted"}]}
  - {name: inactive, webhook_configs: [{url: "{url}/inactive"}]}
  - {name: active, webhook_configs: [{url: "{url}/active"}]}
inhibit_rules: [{source_matchers: [tier=L1], target_matchers: [tier=L2], equal: [service]}]
time_intervals:
  - {name: always, time_intervals: [{times: [{start_time: '00:00', end_time: '24:00'}]}]}
  - {name: past, time_intervals: [{years: ['1999:2001']}]}
)");
  rig.Silence("tier", "L3");
  std::vector<Alert> alerts;
  for (const char* tier : {"L1", "L2", "L3", "L4"}) alerts.push_back(MakeAlert(tier, rig.Now()));
  rig.Put(alerts);
  rig.BothTell(2);  // L1 and L4, to told and to active
  Resolve(alerts[0], rig.Now());
  rig.Put(alerts);
  rig.BothTell(2);  // L1 is over, so L2 is told
  rig.ExpectTheSame();
}

TEST_F(AlertmanagerLiveTest, TheSameIsRepeated) {
  Rig rig(R"(
route: {receiver: r, group_by: [tier], group_wait: 0s, group_interval: 1s, repeat_interval: 2s}
receivers: [{name: r, webhook_configs: [{url: "{url}/r"}]}]
)");
  std::vector<Alert> alerts{MakeAlert("L1", rig.Now())};
  rig.Put(alerts);
  rig.BothTell(3);
  rig.ExpectTheSame();
}

}  // namespace
}  // namespace tierwatch
