// Alerts over kills of the process, beside a twin that nobody kills.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <string>
#include <thread>

#include "base/http_client.h"
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

/// Both read the same rule file, so that their slots are the same.
class Program {
 public:
  Program(const TempDir& dir, const std::string& name) {
    config_ = dir.Write(name + ".yml", fmt::format("rule_files: [rules.yml]\n"
                                                   "storage: {{path: {}/{}}}\n"
                                                   "web: {{listen_address: '127.0.0.1:{}'}}\n",
                                                   dir.path(), name, port_));
    Start();
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
  /// What each series of the query is at that time, in seconds.
  std::map<std::string, std::string> Ask(const std::string& expr, std::int64_t time) const {
    HttpRequest request;
    request.url =
        fmt::format("http://127.0.0.1:{}/api/v1/query?time={}&query={}", port_, time, expr);
    const Result<HttpResponse> response = HttpClient({}).Send(request);
    std::map<std::string, std::string> values;
    if (!response.ok()) return values;
    const auto json = nlohmann::json::parse(response->body, nullptr, false);
    if (json.is_discarded() || json["status"] != "success") return values;
    for (const auto& series : json["data"]["result"])
      values[series["metric"].dump()] = series["value"][1].get<std::string>();
    return values;
  }

 private:
  const int port_ = FreePort();
  std::string config_;
  std::optional<Process> process_;
};

// TIERWATCH_KILLS asks for more kills than a test run has time for.
TEST(AlertStateLive, KilledAtAnyMomentItIsWhatItsTwinIs) {
  const char* const asked = std::getenv("TIERWATCH_KILLS");
  const int kills = asked == nullptr ? 8 : std::atoi(asked);
  const TempDir dir;
  dir.Write("rules.yml", Rules());
  const Program twin(dir, "twin");
  Program killed(dir, "killed");
  std::minstd_rand random(11);
  // Of those that don't come and go.
  const std::string lasting = "ALERTS_FOR_STATE%7Bkind!=%22comes%22%7D";
  std::map<std::string, std::string> since_when;
  ASSERT_TRUE(WaitUntil([&] {
    since_when = killed.Ask(lasting, SystemClock().Now() / 1000);
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
          ours = killed.Ask("timestamp(ALERTS)", at);
          theirs = twin.Ask("timestamp(ALERTS)", at);
          return at >= since && !ours.empty() && ours == theirs;
        },
        Millis{30'000}))
        << "kill " << i << ": " << ours.size() << " alerts, of its twin " << theirs.size();
    // What has lasted from before the first kill has lasted since the same moment.
    for (const auto& [series, active_at] : killed.Ask(lasting, at)) {
      ASSERT_TRUE(since_when.contains(series)) << series;
      EXPECT_EQ(active_at, since_when.at(series)) << series;
    }
  }
}

}  // namespace
}  // namespace tierwatch
