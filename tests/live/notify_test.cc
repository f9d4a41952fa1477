// What tierwatch owes, over kills of the process; and Alertmanager's own tool against tierwatch.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <random>
#include <set>

#include "base/http_client.h"
#include "tests/support/files.h"
#include "tests/support/http_sink.h"
#include "tests/support/process.h"

namespace tierwatch {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr int kAlerts = 1'000;

// Alerts n0, n1 … that fire until `end` (Unix seconds), each a group of its own.
std::string Rules(std::int64_t end) {
  std::string text = "groups:\n- name: many\n  interval: 1s\n  rules:\n";
  for (int i = 0; i < kAlerts; ++i) {
    text += fmt::format(
        "  - {{alert: A, labels: {{n: n{}}}, expr: 'vector(time() < bool {}) == 1'}}\n", i, end);
  }
  return text;
}

class Program {
 public:
  Program(const std::string& rules, const std::string& url) {
    dir_.Write("rules.yml", rules);
    config_ = dir_.Write("tierwatch.yml", fmt::format(R"(
rule_files: [rules.yml]
storage: {{path: "{}/state"}}
web: {{listen_address: "127.0.0.1:{}"}}
alerting:
  route: {{receiver: r, group_by: [alertname, n], group_wait: 0s, group_interval: 1s}}
  receivers: [{{name: r, webhook_configs: [{{url: "{}", timeout: 2s}}]}}]
)",
                                                      dir_.path(), port_, url));
  }
  void Start() {
    process_.emplace(std::vector<std::string>{TIERWATCH_BINARY, "run", "--config", config_});
    EXPECT_TRUE(WaitForPort(port_, Millis{60'000})) << process_->Output();
  }
  void Kill() {
    process_->Signal(SIGKILL);
    process_->Wait(Millis{10'000});
    process_.reset();
  }
  std::string Output() const { return process_->Output(); }
  std::string url() const { return fmt::format("http://127.0.0.1:{}", port_); }
  const std::string& config() const { return config_; }

 private:
  const TempDir dir_;
  const int port_ = FreePort();
  std::string config_;
  std::optional<Process> process_;
};

std::int64_t UnixNow() { return SystemClock().Now() / 1000; }

// What a receiver heard of one alert.
struct Heard {
  std::set<std::string> firing_keys, resolved_keys;
  bool resolved_first = false;
};

std::map<std::string, Heard> Listen(const HttpSink& sink) {
  std::map<std::string, Heard> heard;
  for (const SinkRequest& request : sink.Requests()) {
    const std::size_t at = request.body.find(R"("n":"n)");
    if (at == std::string::npos) continue;
    const std::string name = request.body.substr(at + 5, request.body.find('"', at + 5) - at - 5);
    Heard& one = heard[name];
    const bool resolved = request.body.find(R"("status":"resolved")") != std::string::npos;
    if (resolved && one.firing_keys.empty()) one.resolved_first = true;
    (resolved ? one.resolved_keys : one.firing_keys).insert(request.headers.at("idempotency-key"));
  }
  return heard;
}

std::size_t Count(const HttpSink& sink, std::set<std::string> Heard::*keys) {
  std::size_t count = 0;
  for (const auto& [name, heard] : Listen(sink)) count += (heard.*keys).empty() ? 0 : 1;
  return count;
}

// TIERWATCH_KILLS asks for more kills than a test run has time for.
TEST(NotifyLiveTest, KillsAtAnyMomentLoseAndDoubleNothing) {
  const char* const asked = std::getenv("TIERWATCH_KILLS");
  const int kills = asked == nullptr ? 4 : std::atoi(asked);
  HttpSink sink;
  sink.Script(std::vector<SinkReply>(150, SinkReply{.status = 503}));
  const std::int64_t end = UnixNow() + 40 + 3 * kills;
  Program program(Rules(end), sink.Url());
  std::minstd_rand random(7);
  for (int i = 0; i < kills; ++i) {
    program.Start();
    // In the midst of telling: after some requests more.
    const std::size_t more = 1 + random() % static_cast<std::size_t>(1 + 600 / kills);
    ASSERT_TRUE(sink.WaitForRequests(sink.Requests().size() + more, Millis{60'000}));
    program.Kill();
  }
  program.Start();
  ASSERT_TRUE(
      WaitUntil([&] { return Count(sink, &Heard::firing_keys) == kAlerts; }, Millis{120'000}))
      << Count(sink, &Heard::firing_keys);
  ASSERT_TRUE(
      WaitUntil([&] { return Count(sink, &Heard::resolved_keys) == kAlerts; }, Millis{120'000}))
      << Count(sink, &Heard::resolved_keys);
  for (const auto& [name, heard] : Listen(sink)) {
    EXPECT_EQ(heard.firing_keys.size(), 1u) << name << " fired twice under different keys";
    EXPECT_EQ(heard.resolved_keys.size(), 1u) << name;
    EXPECT_FALSE(heard.resolved_first) << name;
  }
}

TEST(NotifyLiveTest, AmtoolSilencesAndSoDoWe) {
  if (!std::filesystem::exists("/usr/bin/amtool")) GTEST_SKIP() << "no amtool here";
  HttpSink sink;
  Program program(
      "groups:\n- name: g\n  interval: 1s\n  rules:\n  - {alert: Up, expr: vector(1)}\n",
      sink.Url());
  program.Start();
  ASSERT_TRUE(sink.WaitForRequests(1));
  const auto amtool = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(),
                     {"amtool", "--no-version-check", "--alertmanager.url=" + program.url()});
    const ProcessResult result = RunProcess(arguments);
    EXPECT_EQ(result.status, 0) << result.output;
    return result.output;
  };
  EXPECT_THAT(amtool({"alert", "query"}), HasSubstr("Up"));
  std::string id = amtool({"silence", "add", "alertname=Up", "--comment=why", "--author=me"});
  id.erase(id.find_last_not_of(" \n") + 1);
  EXPECT_THAT(amtool({"silence", "query"}), HasSubstr("alertname=\"Up\""));
  EXPECT_THAT(amtool({"alert", "query", "--active"}), Not(HasSubstr("Up")));
  EXPECT_THAT(amtool({"alert", "query", "--silenced"}), HasSubstr("Up"));
  program.Kill();
  program.Start();
  const auto tierwatch = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), TIERWATCH_BINARY);
    return RunProcess(arguments);
  };
  const ProcessResult list = tierwatch({"silence", "list", "--url", program.url()});
  EXPECT_THAT(list.output, HasSubstr(id));
  EXPECT_THAT(list.output, HasSubstr("alertname=\"Up\"  me: why"));
  amtool({"silence", "expire", id});
  EXPECT_EQ(tierwatch({"silence", "list", "--url", program.url()}).output, "");
  const ProcessResult added =
      tierwatch({"silence", "add", "alertname=~\"U.*\"", "--duration", "2h", "--author", "me",
                 "--comment", "c", "--url", program.url()});
  EXPECT_EQ(added.status, 0) << added.output;
  EXPECT_THAT(amtool({"silence", "query"}), HasSubstr("alertname=~\"U.*\""));
  const ProcessResult sent = tierwatch({"notifications", "--url", program.url()});
  EXPECT_THAT(sent.output, HasSubstr("delivered  r/webhook[0]  {}:{alertname=\"Up\""));
  EXPECT_THAT(sent.output, HasSubstr("(HTTP 200 at "));
  const ProcessResult test = tierwatch({"test", "receivers", "--config", program.config()});
  EXPECT_EQ(test.status, 0);
  EXPECT_EQ(test.output, "r/webhook[0]: delivered: HTTP 200\n");
  EXPECT_THAT(sink.Requests().back().body, HasSubstr("TierwatchTestPage"));
}

}  // namespace
}  // namespace tierwatch
