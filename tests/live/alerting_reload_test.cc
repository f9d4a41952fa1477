// A reload of what stands beside the routes: the heartbeat, the templates, the allowed networks,
// the Alertmanagers. What fires goes on, and nobody is told of it again.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "tests/live/program.h"
#include "tests/support/http_sink.h"

namespace tierwatch {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

std::string Rules(const std::vector<std::string>& names) {
  std::string rules = "groups:\n- name: g\n  interval: 1s\n  rules:\n";
  for (const std::string& name : names)
    rules += fmt::format("  - {{alert: {}, expr: vector(1)}}\n", name);
  return rules;
}

std::size_t Count(const HttpSink& sink, const std::string& path) {
  const std::vector<SinkRequest> requests = sink.Requests();
  return static_cast<std::size_t>(std::ranges::count(requests, path, &SinkRequest::path));
}

// The bodies of what came to `path` and was answered 200.
std::vector<std::string> Taken(const HttpSink& sink, const std::string& path) {
  std::vector<std::string> bodies;
  for (const SinkRequest& request : sink.Requests()) {
    if (request.path == path && request.answer == 200) bodies.push_back(request.body);
  }
  return bodies;
}

constexpr const char* kBeat = "tierwatch_heartbeat_last_success_timestamp_seconds ";

// Of a metric without labels; "" where it is not on the page.
std::string Value(const Program& program, const std::string& metric) {
  const std::string page = program.Get("/metrics").body;
  const std::size_t at = page.find("\n" + metric);
  if (at == std::string::npos) return "";
  const std::size_t value = at + 1 + metric.size();
  return page.substr(value, page.find('\n', value) - value);
}

// An alert of another process.
int Fire(const Program& program, const std::string& name) {
  return program.Post("/api/v2/alerts", R"([{"labels": {"alertname": ")" + name + R"("}}])").status;
}

TEST(AlertingReloadLiveTest, AHeartbeatComesChangesAndGoes) {
  HttpSink sink;
  Program program(Rules({"A"}), sink.Url("/page"), "  # beat\n");
  program.Start();
  ASSERT_TRUE(WaitUntil([&] { return Count(sink, "/page") == 1; }, Millis{30'000}));
  program.Change("# beat", "heartbeat: {url: '" + sink.Url("/one") + "', interval: 1s}");
  ASSERT_EQ(program.Reload(), 200);
  ASSERT_TRUE(WaitUntil([&] { return Count(sink, "/one") >= 2; }, Millis{30'000}));

  sink.Always("/two", {.status = 503});
  program.Change("/one", "/two");
  ASSERT_EQ(program.Reload(), 200);
  const std::size_t ones = Count(sink, "/one");
  ASSERT_TRUE(WaitUntil([&] { return Count(sink, "/two") >= 2; }, Millis{30'000}));
  EXPECT_EQ(Count(sink, "/one"), ones);
  // When it was answered last is known still: the page is made anew each 15 seconds.
  const std::string reload = "tierwatch_config_last_reload_success_timestamp_seconds ";
  const std::string before = Value(program, reload);
  program.Change("group_wait: 0s", "group_wait: 1ms");
  ASSERT_EQ(program.Reload(), 200);
  ASSERT_TRUE(WaitUntil([&] { return Value(program, reload) != before; }, Millis{30'000}));
  EXPECT_GT(std::stod(Value(program, kBeat)), 1.7e9);

  program.Change("', interval: 1s}", "', interval: 0s}");
  const HttpResponse refused = program.Post("/-/reload");
  EXPECT_EQ(refused.status, 500);
  EXPECT_THAT(refused.body, HasSubstr("interval: expected 1s to 1d"));
  const std::size_t twos = Count(sink, "/two");
  ASSERT_TRUE(WaitUntil([&] { return Count(sink, "/two") >= twos + 2; }, Millis{30'000}));

  program.Change("heartbeat: {url: '" + sink.Url("/two") + "', interval: 0s}", "");
  ASSERT_EQ(program.Reload(), 200);
  EXPECT_TRUE(WaitUntil([&] { return Value(program, kBeat).empty(); }, Millis{30'000}));
  EXPECT_EQ(Count(sink, "/page"), 1u) << "the page is not told again";
}

TEST(AlertingReloadLiveTest, ATemplateThatChangedIsUsedNextAndABrokenOneNotAtAll) {
  HttpSink sink;
  Program program(fmt::format(R"(
rule_files: [rules.yml]
alerting:
  templates: ['*.tmpl']
  route: {{receiver: r, group_by: [alertname], group_wait: 0s, group_interval: 1s}}
  receivers:
  - name: r
    webhook_configs: [{{url: "{}", payload: {{text: '{{{{ template "said" . }}}}'}}}}]
)",
                              sink.Url("/first")));
  program.Write("rules.yml", Rules({"A"}));
  program.Write("said.tmpl", R"({{ define "said" }}v1 {{ .CommonLabels.alertname }}{{ end }})");
  program.Start();
  ASSERT_TRUE(WaitUntil([&] { return Count(sink, "/first") == 1; }, Millis{30'000}));

  program.Write("said.tmpl", R"({{ define "said" }}v2 {{ .CommonLabels.alertname }}{{ end }})");
  ASSERT_EQ(program.Reload(), 200);
  ASSERT_EQ(Fire(program, "B"), 200);
  ASSERT_TRUE(WaitUntil([&] { return Count(sink, "/first") == 2; }, Millis{30'000}));

  program.Write("said.tmpl", "{{ define \"said\" }}v3\n{{ nosuch }}{{ end }}");
  program.Change("/first", "/second");
  const HttpResponse refused = program.Post("/-/reload");
  EXPECT_EQ(refused.status, 500);
  EXPECT_THAT(refused.body, HasSubstr("said.tmpl"));
  EXPECT_THAT(refused.body, HasSubstr("nosuch"));
  ASSERT_EQ(Fire(program, "C"), 200);
  ASSERT_TRUE(WaitUntil([&] { return Count(sink, "/first") == 3; }, Millis{30'000}));
  EXPECT_THAT(Taken(sink, "/first"), ElementsAre("{\"text\":\"v1 A\"}\n", "{\"text\":\"v2 B\"}\n",
                                                 "{\"text\":\"v2 C\"}\n"));
  EXPECT_EQ(Count(sink, "/second"), 0u) << "nor is anything else of it taken";
}

TEST(AlertingReloadLiveTest, AllowedNetworksHoldFromTheReloadOn) {
  HttpSink sink;
  Program program(Rules({"A"}), sink.Url("/"), "  allowed_networks: [127.0.0.0/8]\n");
  program.Start();
  ASSERT_TRUE(sink.WaitForRequests(1, Millis{30'000}));
  program.Change("127.0.0.0/8", "10.0.0.0/8");
  ASSERT_EQ(program.Reload(), 200);
  ASSERT_EQ(Fire(program, "B"), 200);
  const auto refused = [&] {
    return program.Output().find("127.0.0.1 is not in allowed_networks") != std::string::npos;
  };
  ASSERT_TRUE(WaitUntil(refused, Millis{30'000}));
  EXPECT_EQ(sink.Requests().size(), 1u);
  program.Change("10.0.0.0/8", "10.0.0.0/8, 127.0.0.1");
  ASSERT_EQ(program.Reload(), 200);
  ASSERT_TRUE(sink.WaitForRequests(2, Millis{30'000}));
  EXPECT_THAT(sink.Requests().at(1).body, HasSubstr(R"("alertname":"B")"));
  EXPECT_EQ(sink.Requests().size(), 2u) << "A is not told again";
}

// The names of the alerts that an Alertmanager was told.
std::set<std::string> Told(const HttpSink& alertmanager) {
  std::set<std::string> names;
  for (const std::string& body : Taken(alertmanager, "/api/v2/alerts")) {
    for (const auto& alert : nlohmann::json::parse(body))
      names.insert(alert["labels"]["alertname"].get<std::string>());
  }
  return names;
}

TEST(AlertingReloadLiveTest, MembersOfAClusterComeAndGo) {
  HttpSink first, second;
  Program program(fmt::format(R"(
rule_files: [rules.yml]
alerting:
  route: {{receiver: r}}
  receivers: [{{name: r, alertmanager_configs: [{{urls: ["{}"]}}]}}]
)",
                              first.Url("")));
  program.Write("rules.yml", Rules({"A"}));
  program.Start();
  ASSERT_TRUE(WaitUntil([&] { return Told(first).contains("A"); }, Millis{30'000}));

  program.Change(first.Url(""), first.Url("") + "\", \"" + second.Url(""));
  program.Write("rules.yml", Rules({"A", "B"}));
  ASSERT_EQ(program.Reload(), 200);
  for (const HttpSink* member : {&first, &second})
    ASSERT_TRUE(WaitUntil([&] { return Told(*member).contains("B"); }, Millis{30'000}));
  // What fires since before is told to everybody again within a minute.
  ASSERT_TRUE(WaitUntil([&] { return Told(second).contains("A"); }, Millis{90'000}));

  program.Change(first.Url("") + "\", \"", "");
  program.Write("rules.yml", Rules({"A", "B", "C"}));
  ASSERT_EQ(program.Reload(), 200);
  ASSERT_TRUE(WaitUntil([&] { return Told(second).contains("C"); }, Millis{30'000}));
  EXPECT_THAT(Told(first), UnorderedElementsAre("A", "B"));
}

}  // namespace
}  // namespace tierwatch
