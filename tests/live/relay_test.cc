// Alerts on their way between processes: Debian's Alertmanagers get ours, and Debian's Prometheus
// and amtool hand theirs to us.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/duration.h"
#include "base/http_client.h"
#include "tests/support/files.h"
#include "tests/support/http_sink.h"
#include "tests/support/process.h"

namespace tierwatch {
namespace {

using testing::HasSubstr;
using Json = nlohmann::json;

// The alerts that `port` has at /api/v2/alerts, null where it doesn't answer.
Json AlertsAt(int port) {
  HttpRequest request;
  request.url = fmt::format("http://127.0.0.1:{}/api/v2/alerts", port);
  HttpClient client{HttpOptions{}};
  const Result<HttpResponse> response = client.Send(request);
  return response.ok() ? Json::parse(response->body, nullptr, false) : Json();
}

bool HasAlert(int port, const std::string& name) {
  for (const Json& alert : AlertsAt(port)) {
    if (alert["labels"]["alertname"] == name) return true;
  }
  return false;
}

class Alertmanager {
 public:
  explicit Alertmanager(int port)
      : process_({"prometheus-alertmanager",
                  "--config.file=" +
                      dir_.Write("am.yml", "route: {receiver: r}\nreceivers: [{name: r}]\n"),
                  "--storage.path=" + dir_.path(), "--cluster.listen-address=",
                  fmt::format("--web.listen-address=127.0.0.1:{}", port)}) {
    EXPECT_TRUE(WaitForPort(port)) << process_.Output();
  }

 private:
  const TempDir dir_;
  Process process_;
};

class Tierwatch {
 public:
  Tierwatch(const std::string& rules, const std::string& alerting) {
    dir_.Write("rules.yml", rules);
    config_ = dir_.Write("tierwatch.yml",
                         fmt::format("rule_files: [rules.yml]\nstorage: {{path: '{}/state'}}\n"
                                     "web: {{listen_address: '127.0.0.1:{}'}}\nalerting:\n{}",
                                     dir_.path(), port_, alerting));
  }
  void Start() {
    process_.emplace(std::vector<std::string>{TIERWATCH_BINARY, "run", "--config", config_});
    EXPECT_TRUE(WaitForPort(port_, Millis{60'000})) << process_->Output();
  }
  void Kill() {
    process_->Signal(SIGKILL);
    process_->Wait(Millis{10'000});
  }
  int port() const { return port_; }

 private:
  const TempDir dir_;
  const int port_ = FreePort();
  std::string config_;
  std::optional<Process> process_;
};

TEST(RelayLiveTest, EveryAlertmanagerOfAClusterHasOurAlerts) {
  if (!std::filesystem::exists("/usr/bin/prometheus-alertmanager"))
    GTEST_SKIP() << "no prometheus-alertmanager here";
  const int first = FreePort(), second = FreePort(), dead = FreePort();
  const std::int64_t end = SystemClock().Now() / 1000 + 15;
  Tierwatch tierwatch(
      fmt::format("groups:\n- name: g\n  interval: 1s\n  rules:\n  - {{alert: Ours, expr: "
                  "'vector(time() < bool {}) == 1', annotations: {{summary: s}}}}\n",
                  end),
      fmt::format("  route: {{receiver: am}}\n  receivers:\n  - name: am\n    "
                  "alertmanager_configs: [{{urls: ['http://127.0.0.1:{}', 'http://127.0.0.1:{}', "
                  "'http://127.0.0.1:{}']}}]\n",
                  dead, first, second));
  const Alertmanager here(first);
  tierwatch.Start();
  ASSERT_TRUE(WaitUntil([&] { return HasAlert(first, "Ours"); }, Millis{30'000}));
  const Alertmanager late(second);
  EXPECT_TRUE(WaitUntil([&] { return HasAlert(second, "Ours"); }, Millis{30'000}));
  const Json alert = AlertsAt(first)[0];
  // Four times the minute after which it is told again at the latest, from its evaluation on.
  const TimestampMs told_end = ParseTimestamp(alert["endsAt"].get<std::string>()).value();
  const TimestampMs updated = ParseTimestamp(alert["updatedAt"].get<std::string>()).value();
  EXPECT_LE(told_end, updated + 240'000);
  EXPECT_GT(told_end, updated + 200'000);
  EXPECT_EQ(alert["annotations"], (Json{{"summary", "s"}}));
  EXPECT_THAT(alert["generatorURL"].get<std::string>(), HasSubstr("/graph?g0.expr="));
  for (const int port : {first, second}) {
    EXPECT_TRUE(WaitUntil([&] { return AlertsAt(port) == Json::array(); }, Millis{60'000}))
        << AlertsAt(port);
  }
}

TEST(RelayLiveTest, TakesAlertsOfPrometheusAndAmtoolAndKeepsThem) {
  for (const char* program : {"/usr/bin/prometheus", "/usr/bin/amtool"}) {
    if (!std::filesystem::exists(program)) GTEST_SKIP() << "no " << program << " here";
  }
  HttpSink sink;
  Tierwatch tierwatch(
      "groups: []\n",
      fmt::format(
          "  route: {{receiver: r, group_by: [alertname], group_wait: 0s, group_interval: 1s}}\n"
          "  receivers: [{{name: r, webhook_configs: [{{url: '{}'}}]}}]\n",
          sink.Url()));
  tierwatch.Start();
  TempDir dir;
  dir.Write("rules.yml",
            "groups: [{name: g, rules: [{alert: Theirs, expr: vector(1), annotations: {s: t}}]}]");
  const std::string config = dir.Write(
      "prometheus.yml", fmt::format("global: {{evaluation_interval: 1s}}\nrule_files: [rules.yml]\n"
                                    "alerting: {{alertmanagers: [{{static_configs: [{{targets: "
                                    "['127.0.0.1:{}']}}]}}]}}\n",
                                    tierwatch.port()));
  const Process prometheus({"prometheus", "--config.file=" + config,
                            "--storage.tsdb.path=" + dir.path() + "/data",
                            "--web.external-url=http://prometheus.example",
                            // The first time that it tells, it may not know us yet.
                            "--rules.alert.resend-delay=1s",
                            fmt::format("--web.listen-address=127.0.0.1:{}", FreePort())});
  ASSERT_TRUE(sink.WaitForRequests(1, Millis{60'000})) << prometheus.Output();
  const std::string page = sink.Requests().at(0).body;
  EXPECT_THAT(page, HasSubstr(R"("labels":{"alertname":"Theirs"},"annotations":{"s":"t"})"));
  EXPECT_THAT(page, HasSubstr(R"("generatorURL":"http://prometheus.example/graph?g0.expr=)"));

  const auto amtool = [&](std::vector<std::string> arguments) {
    arguments.insert(
        arguments.begin(),
        {"amtool", fmt::format("--alertmanager.url=http://127.0.0.1:{}", tierwatch.port())});
    const ProcessResult result = RunProcess(std::move(arguments));
    EXPECT_EQ(result.status, 0) << result.output;
    return result.output;
  };
  amtool({"alert", "add", "alertname=ByHand", "team=a", "--annotation=why=because"});
  EXPECT_THAT(amtool({"alert", "query"}), HasSubstr("ByHand"));
  ASSERT_TRUE(sink.WaitForRequests(2));
  EXPECT_THAT(sink.Requests().at(1).body, HasSubstr(R"("why":"because")"));

  tierwatch.Kill();
  tierwatch.Start();
  const std::string after = amtool({"alert", "query"});
  EXPECT_THAT(after, HasSubstr("ByHand"));
  EXPECT_THAT(after, HasSubstr("Theirs"));
  amtool({"alert", "add", "alertname=ByHand", "team=a", "--end=2020-01-01T00:00:00Z"});
  amtool({"alert", "add", "alertname=ByHand", "team=a", "--start=2020-01-01T00:00:00Z",
          "--end=" + FormatTimestamp(SystemClock().Now())});
  EXPECT_TRUE(WaitUntil([&] {
    const auto requests = sink.Requests();
    return requests.back().body.find(R"("status":"resolved","labels":{"alertname":"ByHand")") !=
           std::string::npos;
  })) << sink.Requests().back().body;
}

}  // namespace
}  // namespace tierwatch
