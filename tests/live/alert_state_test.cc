// Alerts over kills of the process, beside a twin that nobody kills.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <thread>

#include "base/http_client.h"
#include "tests/live/program.h"
#include "tests/support/files.h"
#include "tests/support/process.h"

namespace tierwatch {
namespace {

constexpr int kAlerts = 1'000;

// A third fires at once, a third after a `for` that spans kills, a third comes and goes.
std::string Rules() {
  std::string text = "groups:\n- name: many\n  interval: 1s\n  rules:\n";
  for (int i = 0; i < kAlerts; ++i) {
    const char* const kinds[] = {"expr: vector(1)", "expr: vector(1), for: 20s",
                                 "expr: vector(time() % 30) < 15"};
    const char* const names[] = {"fires", "waits", "comes"};
    text += fmt::format("  - {{alert: A, labels: {{n: n{}, kind: {}}}, {}}}\n", i, names[i % 3],
                        kinds[i % 3]);
  }
  return text;
}

// What each series of the query is at that time, in seconds.
std::map<std::string, std::string> Ask(const Program& program, const std::string& expr,
                                       std::int64_t time) {
  HttpRequest request;
  request.url = fmt::format("{}/api/v1/query?time={}&query={}", program.url(), time, expr);
  const Result<HttpResponse> response = HttpClient({}).Send(request);
  std::map<std::string, std::string> values;
  if (!response.ok()) return values;
  const auto json = nlohmann::json::parse(response->body, nullptr, false);
  if (json.is_discarded() || json["status"] != "success") return values;
  for (const auto& series : json["data"]["result"])
    values[series["metric"].dump()] = series["value"][1].get<std::string>();
  return values;
}

// TIERWATCH_KILLS asks for more kills than a test run has time for.
TEST(AlertStateLive, KilledAtAnyMomentItIsWhatItsTwinIs) {
  const char* const asked = std::getenv("TIERWATCH_KILLS");
  const int kills = asked == nullptr ? 8 : std::atoi(asked);
  const TempDir dir;
  // Both read the same file, so that their slots are the same.
  const std::string config = fmt::format("rule_files: [{}]\n", dir.Write("rules.yml", Rules()));
  Program twin(config), killed(config);
  twin.Start();
  killed.Start();
  std::minstd_rand random(11);
  // Of those that don't come and go.
  const std::string lasting = "ALERTS_FOR_STATE%7Bkind!=%22comes%22%7D";
  std::map<std::string, std::string> since_when;
  ASSERT_TRUE(WaitUntil([&] {
    since_when = Ask(killed, lasting, SystemClock().Now() / 1000);
    return since_when.size() >= kAlerts * 2 / 3;
  }));
  for (int i = 0; i < kills; ++i) {
    std::this_thread::sleep_for(Millis(random() % 2'500));
    killed.Kill();
    killed.Start();
    // Both have evaluated a slot of now: the samples of one are those of the other.
    const std::int64_t since = SystemClock().Now() / 1000 + 2;
    std::int64_t at = 0;
    std::map<std::string, std::string> ours, theirs;
    ASSERT_TRUE(WaitUntil(
        [&] {
          at = SystemClock().Now() / 1000 - 1;
          ours = Ask(killed, "timestamp(ALERTS)", at);
          theirs = Ask(twin, "timestamp(ALERTS)", at);
          return at >= since && !ours.empty() && ours == theirs;
        },
        Millis{30'000}))
        << "kill " << i << ": " << ours.size() << " alerts, of its twin " << theirs.size();
    // What has lasted from before the first kill has lasted since the same moment.
    for (const auto& [series, active_at] : Ask(killed, lasting, at)) {
      ASSERT_TRUE(since_when.contains(series)) << series;
      EXPECT_EQ(active_at, since_when.at(series)) << series;
    }
  }
}

}  // namespace
}  // namespace tierwatch
