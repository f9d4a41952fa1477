// What tierwatch owes is told, whatever happens to its process and to its receiver: each alert
// once, under one key however often it is sent, and never its end before its beginning.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <set>
#include <thread>

#include "alerts/notify/config.h"
#include "base/http_client.h"
#include "tests/live/program.h"
#include "tests/support/http_sink.h"

namespace tierwatch {
namespace {

constexpr int kAlerts = 1'000;
constexpr int kShortLived = 100;

int FromEnvironment(const char* name, int otherwise) {
  const char* const text = std::getenv(name);
  return text == nullptr ? otherwise : std::atoi(text);
}

// Alerts n0, n1 … that fire while `expr` holds, each a group of its own.
std::string Rules(int count, const std::string& alert, const std::string& expr) {
  std::string text = fmt::format("- name: {}\n  interval: 1s\n  rules:\n", alert);
  for (int i = 0; i < count; ++i)
    text += fmt::format("  - {{alert: {}, labels: {{n: n{}}}, expr: '{}'}}\n", alert, i, expr);
  return text;
}

// What a receiver heard of one alert: the keys of what it took, or may have taken.
struct Heard {
  std::set<std::string> firing_keys, resolved_keys;
  bool fired_after_resolved = false;
};

using AllHeard = std::map<std::string, Heard>;  // by alertname and n

AllHeard Listen(const HttpSink& sink) {
  AllHeard heard;
  for (const SinkRequest& request : sink.Requests()) {
    if (request.answer != 0 && request.answer != 200) continue;
    const auto body = nlohmann::json::parse(request.body);
    for (const auto& alert : body["alerts"]) {
      const auto& labels = alert["labels"];
      Heard& one = heard[labels["alertname"].get<std::string>() + labels.value("n", "")];
      const bool resolved = alert["status"] == "resolved";
      const std::string& key = request.headers.at("idempotency-key");
      const bool again = one.firing_keys.contains(key);
      if (!resolved && !one.resolved_keys.empty() && !again) one.fired_after_resolved = true;
      (resolved ? one.resolved_keys : one.firing_keys).insert(key);
    }
  }
  return heard;
}

/// How many alerts of a name the receiver heard firing, or of at all.
std::size_t Count(const AllHeard& heard, const std::string& name, bool firing) {
  return static_cast<std::size_t>(std::ranges::count_if(heard, [&](const auto& entry) {
    return entry.first.starts_with(name) && !(firing && entry.second.firing_keys.empty());
  }));
}
std::size_t CountResolved(const AllHeard& heard, const std::string& name) {
  return static_cast<std::size_t>(std::ranges::count_if(heard, [&](const auto& entry) {
    return entry.first.starts_with(name) && !entry.second.resolved_keys.empty();
  }));
}

void ExpectOrder(const AllHeard& heard) {
  for (const auto& [name, one] : heard) {
    EXPECT_LE(one.firing_keys.size(), 1u) << name << " fired twice under different keys";
    EXPECT_LE(one.resolved_keys.size(), 1u) << name;
    EXPECT_FALSE(one.fired_after_resolved) << name;
  }
}

// TIERWATCH_KILLS asks for more kills than a test run has time for.
TEST(LossLiveTest, KillsAtAnyMomentLoseAndDoubleNothing) {
  const int kills = FromEnvironment("TIERWATCH_KILLS", 4);
  HttpSink sink;
  std::vector<SinkReply> replies(150, SinkReply{.status = 503});
  // Slow enough that there is something left to tell at the last kill.
  replies.insert(replies.end(), 10 * kAlerts,
                 {.delay = Millis{25 + kills} * Receiver().concurrency});
  sink.Script(std::move(replies));
  const std::int64_t end = SystemClock().Now() / 1000 + 40 + kills;
  Program program(
      "groups:\n" + Rules(kAlerts, "A", fmt::format("vector(time() < bool {}) == 1", end)),
      sink.Url());
  std::minstd_rand random(7);
  for (int i = 0; i < kills; ++i) {
    program.Start();
    // In the midst of telling: after some requests more.
    const std::size_t more = 1 + random() % static_cast<std::size_t>(1 + 600 / kills);
    ASSERT_TRUE(sink.WaitForRequests(sink.Requests().size() + more, Millis{60'000}));
    program.Kill();
  }
  sink.Always("/", {});
  program.Start();
  ASSERT_TRUE(
      WaitUntil([&] { return Count(Listen(sink), "A", true) == kAlerts; }, Millis{120'000}));
  ASSERT_TRUE(
      WaitUntil([&] { return CountResolved(Listen(sink), "A") == kAlerts; },
                Millis{std::max<TimestampMs>(0, 1000 * end - SystemClock().Now()) + 120'000}));
  ExpectOrder(Listen(sink));
}

struct Outage {
  const char* name;
  std::optional<SinkReply> reply;  // nothing: nobody listens
};

// Alerts fire while a backend is down.
void Set(HttpSink& backend, bool up) {
  backend.Always("/cache/health",
                 {.status = up ? 200 : 500, .body = up ? R"({"status": "healthy"})" : "down"});
}

std::string Collectors(const HttpSink& longer, const HttpSink& shorter) {
  return fmt::format(
      "global: {{sample_interval: 200ms}}\ncollectors: {{cache_health: [{{service: long, targets: "
      "[\"{}\"]}}, {{service: short, targets: [\"{}\"]}}]}}\n",
      longer.Url(""), shorter.Url(""));
}

std::size_t Active(const Program& program) {
  HttpRequest request;
  request.url = program.url() + "/api/v1/alerts";
  const Result<HttpResponse> answer = HttpClient(HttpOptions{}).Send(request);
  if (!answer.ok() || answer->status != 200) return 0;
  return nlohmann::json::parse(answer->body)["data"]["alerts"].size();
}

class LossOutageTest : public testing::TestWithParam<Outage> {};

// TIERWATCH_OUTAGE asks for more seconds than a test run has time for.
TEST_P(LossOutageTest, WhatCameAndWentMeanwhileIsToldAfterwards) {
  const int port = FreePort();
  std::optional<HttpSink> sink;
  if (GetParam().reply) sink.emplace(port).Always("/", *GetParam().reply);
  HttpSink longer, shorter;
  Set(longer, false);
  Set(shorter, false);
  Program program("groups:\n" +
                      Rules(kAlerts, "Long", R"(tierwatch_target_up{service="long"} == 0)") +
                      Rules(kShortLived, "Short", R"(tierwatch_target_up{service="short"} == 0)"),
                  fmt::format("http://127.0.0.1:{}/", port), Collectors(longer, shorter));
  program.Start();
  ASSERT_TRUE(WaitUntil([&] { return Active(program) == kAlerts + kShortLived; }, Millis{60'000}));
  Set(shorter, true);
  ASSERT_TRUE(WaitUntil([&] { return Active(program) == kAlerts; }, Millis{60'000}));
  std::this_thread::sleep_for(std::chrono::seconds(FromEnvironment("TIERWATCH_OUTAGE", 3)));
  if (sink) {
    sink->Always("/", {});
  } else {
    sink.emplace(port);
  }
  const auto told = [&] {
    const AllHeard heard = Listen(*sink);
    return Count(heard, "Long", true) == kAlerts && CountResolved(heard, "Short") == kShortLived;
  };
  EXPECT_TRUE(WaitUntil(told, Millis{300'000}))
      << Count(Listen(*sink), "Long", true) << " " << CountResolved(Listen(*sink), "Short");
  Set(longer, true);
  EXPECT_TRUE(
      WaitUntil([&] { return CountResolved(Listen(*sink), "Long") == kAlerts; }, Millis{300'000}));
  ExpectOrder(Listen(*sink));
}

INSTANTIATE_TEST_SUITE_P(
    Faults, LossOutageTest,
    testing::Values(Outage{"Refuses", std::nullopt}, Outage{"Hangs", SinkReply{.hang = true}},
                    Outage{"Answers429",
                           SinkReply{.status = 429, .headers = {{"Retry-After", "1"}}}},
                    Outage{"Answers503", SinkReply{.status = 503}}),
    [](const auto& one) { return one.param.name; });

std::set<std::string> DigestKeys(const HttpSink& sink) {
  std::set<std::string> keys;
  for (const SinkRequest& request : sink.Requests()) {
    if (request.body.find(R"("groupKey":"digest:{}")") != std::string::npos)
      keys.insert(request.headers.at("idempotency-key"));
  }
  return keys;
}

// What a limit held back is told by a digest; what came while that was owed waits behind it.
TEST(LossLiveTest, ADigestThatIsOwedOutlivesKills) {
  constexpr int kEach = 30;
  HttpSink sink;
  sink.Always("/digest", {.status = 503});
  const std::int64_t later = SystemClock().Now() / 1000 + 8;
  Program program(fmt::format(R"(
rule_files: [rules.yml]
alerting:
  route: {{receiver: r, group_by: ['...'], group_wait: 1s}}
  receivers:
  - name: r
    rate_limit: {{notifications: 3, interval: 1s}}
    webhook_configs: [{{url: '{}{{{{ if not .GroupLabels }}}}digest{{{{ end }}}}'}}]
)",
                              sink.Url()));
  program.Write("rules.yml",
                "groups:\n" + Rules(kEach, "A", "vector(1)") +
                    Rules(kEach, "B", fmt::format("vector(time() > bool {}) == 1", later)));
  program.Start();
  ASSERT_TRUE(WaitUntil([&] { return !DigestKeys(sink).empty(); }, Millis{30'000}));
  ASSERT_TRUE(WaitUntil([&] { return Active(program) == 2 * kEach; }, Millis{30'000}));
  for (int i = 0; i < 3; ++i) {
    program.Kill();
    program.Start();
    const std::size_t before = sink.Requests().size();
    ASSERT_TRUE(sink.WaitForRequests(before + 1, Millis{30'000}));
  }
  EXPECT_EQ(DigestKeys(sink).size(), 1u);
  sink.Always("/digest", {});
  const auto told = [&] {
    const AllHeard heard = Listen(sink);
    return Count(heard, "A", true) == kEach && Count(heard, "B", true) == kEach;
  };
  EXPECT_TRUE(WaitUntil(told, Millis{120'000}));
  ExpectOrder(Listen(sink));
}

// As on a full disk: from a moment on no file may grow.
TEST(LossLiveTest, AFullDiskPagesAndLosesNothing) {
  HttpSink sink, backend;
  Set(backend, true);
  Program program("groups:\n" + Rules(1, "First", "vector(1)") +
                      Rules(1, "Second", R"(tierwatch_target_up{service="long"} == 0)"),
                  sink.Url(), Collectors(backend, backend));
  program.Start();
  const auto told = [&](const std::string& name, bool resolved) {
    return WaitUntil(
        [&] {
          const AllHeard heard = Listen(sink);
          return resolved ? CountResolved(heard, name) == 1 : Count(heard, name, true) == 1;
        },
        Millis{60'000});
  };
  ASSERT_TRUE(told("First", false));
  rlimit limit{};
  ASSERT_EQ(::prlimit(program.pid(), RLIMIT_FSIZE, nullptr, &limit), 0);
  const rlimit full{4'096, limit.rlim_max};
  ASSERT_EQ(::prlimit(program.pid(), RLIMIT_FSIZE, &full, nullptr), 0);
  Set(backend, false);
  EXPECT_TRUE(told("Second", false));
  EXPECT_TRUE(told("TierwatchStateNotWritten", false));
  ASSERT_EQ(::prlimit(program.pid(), RLIMIT_FSIZE, &limit, nullptr), 0);
  EXPECT_TRUE(told("TierwatchStateNotWritten", true));
  program.Kill();
  program.Start();
  Set(backend, true);
  EXPECT_TRUE(told("Second", true));
  ExpectOrder(Listen(sink));
}

}  // namespace
}  // namespace tierwatch
