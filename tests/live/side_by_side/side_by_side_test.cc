// Prometheus and tierwatch judge the same samples by the same rules, second by second: each alert
// goes through the same states at the same evaluations. Samples are written a little ahead of their
// time, so that both have them whenever they evaluate.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <sstream>
#include <thread>

#include "alerts/promql/script_series.h"
#include "tests/live/side_by_side/alert_history.h"
#include "tests/support/prometheus/prometheus_server.h"
#include "tests/support/prometheus/remote_write.h"

namespace tierwatch {
namespace {

constexpr TimestampMs kAhead = 3'000;    // of now: the samples that are written
constexpr TimestampMs kPrelude = 5'000;  // until both have seen a little of the samples
constexpr int kSeconds = 75;

std::string Fixture(const std::string& name) {
  return ReadFile(SourcePath("tests/fixtures/side_by_side/" + name));
}

std::vector<promql::ScriptSeries> ReadFaults() {
  std::vector<promql::ScriptSeries> faults;
  std::istringstream lines(Fixture("faults.txt"));
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line.starts_with('#')) continue;
    auto series = promql::ParseScriptSeries(line);
    EXPECT_TRUE(series.ok()) << line << ": " << series.error().message;
    if (series.ok()) faults.push_back(*std::move(series));
  }
  return faults;
}

class SideBySide : public testing::Test {
 protected:
  // tierwatch reads alerts.yml as it is, Prometheus what is exported of it.
  void SetUp() override {
    if (!PrometheusServer::Exists()) GTEST_SKIP() << "no prometheus here";
    for (const char* name : {"rules.yml", "alerts.yml", "signals.yml"})
      dir_.Write(std::string("ours/") + name, Fixture(name));
    const ProcessResult exported =
        RunProcess({TIERWATCH_BINARY, "rules", "export", dir_.path() + "/ours/alerts.yml"});
    ASSERT_EQ(exported.status, 0) << exported.output;
    dir_.Write("theirs/alerts.yml", exported.output);
    dir_.Write("theirs/rules.yml", Fixture("rules.yml"));
    theirs_ = std::make_unique<PrometheusServer>(dir_.path() + "/theirs/*.yml",
                                                 "{external_labels: {site: north}}");
    const std::string config = dir_.Write(
        "ours/tierwatch.yml", fmt::format("global: {{external_labels: {{site: north}}}}\n"
                                          "rule_files: [rules.yml, alerts.yml]\n"
                                          "signal_files: [signals.yml]\n"
                                          "storage: {{path: ':memory:'}}\n"
                                          "web: {{listen_address: '127.0.0.1:{}', "
                                          "remote_write: {{enabled: true}}}}\n",
                                          port_));
    ours_ = std::make_unique<Process>(
        std::vector<std::string>{TIERWATCH_BINARY, "run", "--config", config});
    ASSERT_TRUE(WaitForPort(port_)) << ours_->Output();
    ASSERT_TRUE(WaitUntil([this] {
      groups_ = ReadAlertGroups(theirs_->url());
      return !groups_.intervals.empty();
    }));
  }

  std::string OurUrl() const { return fmt::format("http://127.0.0.1:{}", port_); }

  // Writes the samples of `seconds` to both and looks at their alerts meanwhile; gives the time of
  // the first sample.
  TimestampMs Feed(int seconds) {
    const std::vector<promql::ScriptSeries> faults = ReadFaults();
    const TimestampMs begin = (clock_.Now() + kAhead) / 1000 * 1000;
    for (int second = 0; second < seconds; ++second) {
      const TimestampMs time = begin + second * 1000;
      while (clock_.Now() < time - kAhead) {
        std::this_thread::sleep_for(Millis(200));
        Look(theirs_->url(), their_texts_);
        Look(OurUrl(), our_texts_);
      }
      std::vector<series::Sample> samples;
      for (const promql::ScriptSeries& series : faults) {
        const auto& value = series.values[static_cast<std::size_t>(second) % series.values.size()];
        if (!value.omitted) samples.push_back({series.labels, time, value.value, value.histogram});
      }
      theirs_->Write(samples);
      EXPECT_EQ(PostRemoteWrite(OurUrl(), samples), "") << ours_->Output();
      EXPECT_LT(clock_.Now(), time) << "the machine was too slow to write samples in time";
    }
    return begin;
  }

  // Labels and annotations of the alerts of now. Where in a template an error is, each says its own
  // way.
  void Look(const std::string& url, std::set<std::string>& texts) {
    HttpRequest request;
    request.url = url + "/api/v1/alerts";
    const Result<HttpResponse> response = HttpClient({}).Send(request);
    ASSERT_TRUE(response.ok()) << response.error().message;
    static const std::regex place("(<error expanding template: ).*?(?=error calling)");
    const auto alerts = nlohmann::json::parse(response->body);
    for (const auto& alert : alerts["data"]["alerts"]) {
      if (!alert["annotations"].empty())
        texts.insert(std::regex_replace(alert["labels"].dump() + ' ' + alert["annotations"].dump(),
                                        place, "$1"));
    }
  }

  AlertHistory History(const std::string& url, TimestampMs from, TimestampMs to) {
    EXPECT_TRUE(WaitUntil(
        [&] {
          if (clock_.Now() <= to) return false;
          const auto slots = ReadAlertHistory(url, groups_, to, to + 60'000).groups;
          return slots.size() == groups_.intervals.size() &&
                 std::ranges::all_of(slots, [](const auto& g) { return !g.second.times.empty(); });
        },
        Millis(20'000)))
        << url;
    return ReadAlertHistory(url, groups_, from, to);
  }

  std::string Told(const std::vector<AlertChange>& changes, TimestampMs begin) const {
    std::string text;
    for (const AlertChange& change : changes) {
      const double since =
          change.active_since == 0 ? 0 : change.active_since - static_cast<double>(begin) / 1000;
      text += fmt::format(" {:.3f} {} ({})", static_cast<double>(change.at - begin) / 1000,
                          change.state, since);
    }
    return text;
  }

  const TempDir dir_;
  const SystemClock clock_;
  const int port_ = FreePort();
  std::unique_ptr<PrometheusServer> theirs_;
  std::unique_ptr<Process> ours_;
  AlertGroups groups_;
  std::set<std::string> their_texts_, our_texts_;
};

// Less than an interval apart; the same beginning, told in whole seconds.
bool Agree(const std::vector<AlertChange>& theirs, const std::vector<AlertChange>& ours,
           Millis interval) {
  const auto agree = [&](const AlertChange& a, const AlertChange& b) {
    const auto seconds = std::chrono::duration<double>(interval).count();
    return a.state == b.state && std::abs(a.at - b.at) < interval.count() &&
           std::abs(a.active_since - b.active_since) <= seconds;
  };
  return std::ranges::equal(theirs, ours, agree);
}

double Apart(const std::vector<AlertChange>& theirs, const std::vector<AlertChange>& ours) {
  TimestampMs most = 0;
  for (std::size_t i = 0; i < std::min(theirs.size(), ours.size()); ++i)
    most = std::max(most, std::abs(theirs[i].at - ours[i].at));
  return static_cast<double>(most);
}

// TIERWATCH_SIDE_BY_SIDE_SECONDS asks for more than a test run has time for.
TEST_F(SideBySide, AlertsGoThroughTheSameStatesAtTheSameTimes) {
  const char* const asked = std::getenv("TIERWATCH_SIDE_BY_SIDE_SECONDS");
  const int seconds = asked == nullptr ? kSeconds : std::atoi(asked);
  const TimestampMs begin = Feed(seconds);
  const TimestampMs from = begin + kPrelude, to = begin + (seconds - 1) * 1000;
  const AlertHistory theirs = History(theirs_->url(), from, to);
  const AlertHistory ours = History(OurUrl(), from, to);
  for (const auto& [name, interval] : groups_.intervals) {
    ASSERT_TRUE(theirs.groups.contains(name) && ours.groups.contains(name)) << name;
    // What one has not evaluated it can't have seen: then they are not comparable.
    EXPECT_EQ(theirs.groups.at(name).Missed(), 0u) << name << ": the machine was too slow";
    EXPECT_EQ(ours.groups.at(name).Missed(), 0u) << name;
  }
  std::set<std::string> labels, names;
  double apart = 0;  // the most that two changes are, in intervals
  for (const AlertHistory* history : {&theirs, &ours})
    for (const auto& [key, changes] : history->alerts) labels.insert(key);
  std::size_t changes = 0;
  for (const std::string& key : labels) {
    const std::string name = nlohmann::json::parse(key)["alertname"];
    const auto in = [&](const AlertHistory& history) {
      const auto at = history.alerts.find(key);
      return at == history.alerts.end() ? std::vector<AlertChange>{} : at->second;
    };
    const Millis interval = groups_.intervals.at(groups_.of_alert.at(name));
    EXPECT_TRUE(Agree(in(theirs), in(ours), interval))
        << key << "\n  Prometheus:" << Told(in(theirs), begin)
        << "\n  tierwatch: " << Told(in(ours), begin);
    if (in(theirs).size() > 1) names.insert(name);
    changes += in(theirs).size();
    apart = std::max(apart, Apart(in(theirs), in(ours)) / static_cast<double>(interval.count()));
  }
  // The script has moved every alert.
  for (const auto& [name, group] : groups_.of_alert)
    EXPECT_TRUE(names.contains(name) || name == "Evaluated") << name << " never changed";
  EXPECT_EQ(their_texts_, our_texts_);
  fmt::print("{} s, {} rules, {} alerts, {} changes of state, at most {:.2f} intervals apart\n",
             seconds, groups_.rules, labels.size(), changes, apart);
}

}  // namespace
}  // namespace tierwatch
