// Alertmanager's acceptance scenarios, as tables: what happens when, and what is told when. Time is
// seconds of a fake clock. Source of what is told: Alertmanager's documentation and the behaviour
// that its test/with_api_v2/acceptance describes; where tierwatch differs on purpose it says so.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "alerts/notify/dispatcher.h"
#include "alerts/notify/silences.h"
#include "tests/support/fake_clock.h"
#include "tests/support/notify_config.h"

namespace tierwatch {
namespace {

// One event in a line, ordered by time:
//   TIME fire NAME[/ID] [LABEL=VALUE…]      (the alert's labels are alertname, id and those)
//   TIME resolve NAME[/ID] [LABEL=VALUE…]
//   TIME silence START END MATCHER          TIME expire
//   TIME restart                            (killed, and begun anew from the database)
//   TIME reload [WHAT WITH]                 (with the route's text WHAT replaced)
//   TIME > INTEGRATION: NAME[/ID] NAME[/ID]- …   what is told at that time; "-" is resolved
// Nothing else may be told until the time of the last line.
struct Scenario {
  const char* name;
  const char* route;  // of the configuration, with all that is beside it
  const char* script;
};

constexpr const char* kEachSecond = R"(
route: {receiver: r, group_by: [], group_wait: 1s, group_interval: 1s, repeat_interval: 1ms}
receivers: [{name: r, webhook_configs: [{url: "http://h"}]}]
)";
constexpr const char* kInhibiting = R"(
route: {receiver: r, group_by: [], group_wait: 1s, group_interval: 1s, repeat_interval: 1h}
receivers: [{name: r, webhook_configs: [{url: "http://h"}]}]
inhibit_rules: [{source_match: {alertname: JobDown}, target_match: {alertname: InstanceDown}, equal: [job, zone]}]
)";
// The fake clock's zero is 2023-11-14T22:13:20Z, a Tuesday: 22:14:00 is second 40.
constexpr const char* kMuting = R"(
route:
  receiver: r
  group_by: ['...']
  group_wait: 0s
  group_interval: 10s
  routes:
    - {matchers: [when=muted], mute_time_intervals: [minute]}
    - {matchers: [when=active], active_time_intervals: [minute]}
receivers: [{name: r, webhook_configs: [{url: "http://h"}]}]
time_intervals: [{name: minute, time_intervals: [{weekdays: [tuesday], times: [{start_time: '22:14', end_time: '22:15'}]}]}]
)";

const Scenario kScenarios[] = {
    {"Repeat", kEachSecond, R"(
      1   fire a
      2   > r/webhook[0]: a
      3   > r/webhook[0]: a
      3.5 resolve a
      4   > r/webhook[0]: a-
      8   resolve a)"},
    {"Batching", R"(
route: {receiver: r, group_by: [], group_wait: 1s, group_interval: 1s, repeat_interval: 4900ms}
receivers: [{name: r, webhook_configs: [{url: "http://h"}]}]
)",
     R"(
      1.1 fire a
      1.7 fire e
      2.1 > r/webhook[0]: a e
      3.3 fire b
      3.3 fire c
      3.4 fire d
      4.1 > r/webhook[0]: a b c d e
      9.1 > r/webhook[0]: a b c d e
      9.2 fire a)"},
    {"GroupsAreToldApart", R"(
route: {receiver: r, group_by: [id], group_wait: 1s, group_interval: 5s}
receivers: [{name: r, webhook_configs: [{url: "http://h"}]}]
)",
     R"(
      1   fire a/1
      1.5 fire b/2
      1.7 fire c/1
      2   > r/webhook[0]: a/1 c/1
      2.5 > r/webhook[0]: b/2
      3   fire d/2
      7.5 > r/webhook[0]: b/2 d/2
      9   fire d/2)"},
    {"Resolved", R"(
route: {receiver: r, group_by: [alertname], group_wait: 1s, group_interval: 5s}
receivers: [{name: r, webhook_configs: [{url: "http://h"}]}]
)",
     R"(
      1   fire a/1
      1   fire a/2
      1   fire a/3
      2   > r/webhook[0]: a/1 a/2 a/3
      11  resolve a/1
      11  resolve a/2
      11  resolve a/3
      12  > r/webhook[0]: a/1- a/2- a/3-
      30  resolve a/1)"},
    {"ResolvedOnesMayBeUnwanted", R"(
route: {receiver: r, group_by: [alertname], group_wait: 1s, group_interval: 5s}
receivers: [{name: r, webhook_configs: [{url: "http://h"}, {url: "http://i", send_resolved: false}]}]
)",
     R"(
      1   fire a/1
      1   fire a/2
      2   > r/webhook[0]: a/1 a/2
      2   > r/webhook[1]: a/1 a/2
      3   fire a/3
      4   resolve a/1
      7   > r/webhook[0]: a/1- a/2 a/3
      7   > r/webhook[1]: a/2 a/3
      11  resolve a/2
      12  > r/webhook[0]: a/2- a/3
      14  fire a/2
      17  > r/webhook[0]: a/2 a/3
      21  fire a/2)"},
    {"FiredAndResolvedBeforeTheWaitIsOver", kEachSecond, R"(
      1   fire a
      1.5 resolve a
      4   resolve a)"},
    {"Inhibiting", kInhibiting, R"(
      1   fire Other job=j zone=aa
      1   fire InstanceDown/1 job=j zone=aa
      1   fire InstanceDown/2 job=j zone=ab
      2   > r/webhook[0]: Other InstanceDown/1 InstanceDown/2
      2.2 fire JobDown job=j zone=aa
      3   > r/webhook[0]: JobDown Other InstanceDown/2
      3.6 resolve JobDown job=j zone=aa
      4   > r/webhook[0]: JobDown- Other InstanceDown/1 InstanceDown/2
      6   fire Other job=j zone=aa)"},
    {"SourceAndTargetResolveTogether", kInhibiting, R"(
      1   fire InstanceDown/1 job=j zone=aa
      1   fire JobDown job=j zone=aa
      2   > r/webhook[0]: JobDown
      2.6 resolve JobDown job=j zone=aa
      2.6 resolve InstanceDown/1 job=j zone=aa
      3   > r/webhook[0]: JobDown- InstanceDown/1-
      6   resolve JobDown job=j zone=aa)"},
    {"Silencing", kEachSecond, R"(
      1   fire a
      1   fire b
      2   > r/webhook[0]: a b
      2.3 silence 2.5 4.5 alertname=a
      3   > r/webhook[0]: b
      4   > r/webhook[0]: b
      5   > r/webhook[0]: a b
      5.5 fire a)"},
    {"ASilenceThatExpires", kEachSecond, R"(
      1   fire a
      1   fire b
      1.3 silence 1.5 100 alertname=~".+"
      3.5 expire
      4   > r/webhook[0]: a b
      4.5 fire a)"},
    {"Muting", kMuting, R"(
      35  fire n when=muted
      35  > r/webhook[0]: n
      35  fire d when=active
      45  fire m when=muted
      45  > r/webhook[0]: d
      105 > r/webhook[0]: m
      120 fire n when=muted)"},
    {"Routing", R"(
route:
  receiver: root
  group_by: [alertname]
  group_wait: 0s
  group_interval: 10s
  routes:
    - {receiver: all, matchers: ['team=~"x|y"'], continue: true}
    - receiver: x
      matchers: [team=x]
      routes: [{receiver: deep, matchers: ['alertname="d"']}]
    - {receiver: y, match: {team: y}, group_wait: 2s}
receivers:
  - {name: root, webhook_configs: [{url: "http://h"}]}
  - {name: all, webhook_configs: [{url: "http://h"}]}
  - {name: x, webhook_configs: [{url: "http://h"}]}
  - {name: deep, webhook_configs: [{url: "http://h"}]}
  - {name: y, webhook_configs: [{url: "http://h"}]}
)",
     R"(
      1   fire a
      1   > root/webhook[0]: a
      2   fire b team=x
      2   > all/webhook[0]: b
      2   > x/webhook[0]: b
      3   fire d team=x
      3   > all/webhook[0]: d
      3   > deep/webhook[0]: d
      4   fire e team=y
      4   > all/webhook[0]: e
      6   > y/webhook[0]: e
      9   fire a)"},
    // Alertmanager forgets its timers at a reload and would tell this at 9: a restart is no reason
    // to page late.
    {"AfterARestartTimersGoOnAndNothingIsToldTwice", R"(
route: {receiver: r, group_by: [], group_wait: 1s, group_interval: 6s, repeat_interval: 10m}
receivers: [{name: r, webhook_configs: [{url: "http://h"}]}]
)",
     R"(
      1   fire a
      2   > r/webhook[0]: a
      3   restart
      4   fire b
      8   > r/webhook[0]: a b
      9   restart
      9   fire a
      19  resolve b
      20  > r/webhook[0]: a b-
      30  fire a)"},
    {"AfterAReloadTimersGoOnAndNothingIsToldTwice", R"(
route: {receiver: r, group_by: [], group_wait: 1s, group_interval: 6s, repeat_interval: 10s}
receivers: [{name: r, webhook_configs: [{url: "http://h"}]}]
)",
     R"(
      1   fire a
      1.5 reload
      2   > r/webhook[0]: a
      3   reload
      4   fire b
      8   > r/webhook[0]: a b
      9   reload
      10  resolve b
      14  > r/webhook[0]: a b-
      15  reload 10s 1s
      20  > r/webhook[0]: a
      25  fire a)"},
    {"AReloadThatShortensAnIntervalCutsTheWait", R"(
route: {receiver: r, group_by: [], group_wait: 0s, group_interval: 100s}
receivers: [{name: r, webhook_configs: [{url: "http://h"}]}]
)",
     R"(
      1   fire a
      1   > r/webhook[0]: a
      2   fire b
      3   reload 100s 5s
      8   > r/webhook[0]: a b
      20  fire a)"},
    {"AfterAReloadOtherGroupsTellTheirAlerts", R"(
route: {receiver: r, group_by: [], group_wait: 1s, group_interval: 5s}
receivers: [{name: r, webhook_configs: [{url: "http://h"}]}]
)",
     R"(
      1   fire a/1
      1   fire b/2
      2   > r/webhook[0]: a/1 b/2
      4   reload [] [id]
      4   > r/webhook[0]: a/1
      4   > r/webhook[0]: b/2
      6   resolve a/1
      9   > r/webhook[0]: a/1-
      20  fire b/2)"},
    {"AfterAReloadAnotherReceiverIsTold", R"(
route: {receiver: r, group_by: [], group_wait: 1s, group_interval: 5s}
receivers:
  - {name: r, webhook_configs: [{url: "http://h"}]}
  - {name: s, webhook_configs: [{url: "http://h"}]}
)",
     R"(
      1   fire a
      2   > r/webhook[0]: a
      4   reload receiver:=r, receiver:=s,
      4   > s/webhook[0]: a
      8   resolve a
      9   > s/webhook[0]: a-
      20  resolve a)"},
    {"AReloadBringsOtherInhibitions", kInhibiting, R"(
      1   fire InstanceDown/1 job=j zone=aa
      1   fire JobDown job=j zone=aa
      2   > r/webhook[0]: JobDown
      3.5 reload alertname:=JobDown alertname:=Other
      4   > r/webhook[0]: JobDown InstanceDown/1
      6   fire JobDown job=j zone=aa)"},
    // Alertmanager needs --dispatch.start-delay for this, and for its alerts to be sent again.
    {"AColdStartInhibitsAndSilencesFromItsFirstNotificationOn", kInhibiting, R"(
      1   fire InstanceDown/1 job=j zone=aa
      1   fire JobDown job=j zone=aa
      1   fire Other job=j zone=aa
      1.2 silence 1.2 100 alertname=Other
      1.5 restart
      2   > r/webhook[0]: JobDown
      4   fire JobDown job=j zone=aa)"},
};

class Stage {
 public:
  explicit Stage(const Scenario& scenario) : text_(scenario.route) {
    Read();
    Restart();
  }

  /// What was told, as lines of the script.
  std::vector<std::string> Play(const std::string& script, std::vector<std::string>& wanted) {
    std::istringstream lines(script);
    std::string line;
    while (std::getline(lines, line)) {
      std::istringstream words(line);
      double seconds = 0;
      std::string verb;
      if (!(words >> seconds >> verb)) continue;
      RunUntil(seconds);
      std::string rest;
      std::getline(words >> std::ws, rest);
      if (verb == ">") {
        wanted.push_back(fmt::format("{} {}", seconds, rest));
      } else {
        Do(verb, rest);
      }
      dispatcher_->RunDue();
    }
    return std::move(told_);
  }

 private:
  // In steps, as the threads of a process would wake up.
  void RunUntil(double seconds) {
    const auto end = static_cast<TimestampMs>(seconds * 1000 + 0.5);
    while (clock_.Now() - start_ < end) {
      clock_.Advance(Millis{100});
      dispatcher_->RunDue();
    }
  }
  void Do(const std::string& verb, const std::string& rest) {
    if (verb == "fire" || verb == "resolve") {
      Put(rest, verb == "fire");
    } else if (verb == "silence") {
      AddSilence(rest);
    } else if (verb == "expire") {
      EXPECT_FALSE(silences_.Expire(silence_, clock_.Now()));
    } else if (verb == "reload") {
      Reload(rest);
    } else {
      ASSERT_EQ(verb, "restart");
      Restart();
    }
  }
  void Read() { config_ = std::make_unique<NotifyConfig>(NotifyConfigOf(text_)); }
  // "=" stands for a space.
  void Reload(std::string change) {
    std::istringstream words(change);
    std::string what, with;
    if (words >> what >> with) {
      std::ranges::replace(what, '=', ' ');
      std::ranges::replace(with, '=', ' ');
      ASSERT_NE(text_.find(what), std::string::npos) << what;
      text_.replace(text_.find(what), what.size(), with);
    }
    const std::unique_ptr<NotifyConfig> former = std::move(config_);
    Read();
    const std::unique_ptr<Dispatcher> old = std::exchange(dispatcher_, MakeDispatcher());
    dispatcher_->TakeOver(std::move(*old));
  }
  void Put(const std::string& text, bool fires) {
    std::istringstream words(text);
    std::string word;
    words >> word;
    Alert alert;
    alert.labels.Set("alertname", word.substr(0, word.find('/')));
    if (word.find('/') != std::string::npos)
      alert.labels.Set("id", word.substr(word.find('/') + 1));
    while (words >> word)
      alert.labels.Set(word.substr(0, word.find('=')), word.substr(word.find('=') + 1));
    alert.fired_at = fired_at_.try_emplace(text, clock_.Now()).first->second;
    alert.state = fires ? AlertState::kFiring : AlertState::kResolved;
    if (!fires) {
      alert.resolved_at = clock_.Now();
      fired_at_.erase(text);
    }
    dispatcher_->Put({alert});
  }
  void AddSilence(const std::string& text) {
    std::istringstream words(text);
    double from = 0, to = 0;
    std::string matchers;
    words >> from >> to >> matchers;
    Silence silence;
    const std::vector<AlertMatcher> parsed = *ParseAlertMatchers(matchers);
    for (const AlertMatcher& matcher : parsed) silence.matchers.Add(matcher);
    silence.starts_at = start_ + static_cast<TimestampMs>(from * 1000);
    silence.ends_at = start_ + static_cast<TimestampMs>(to * 1000);
    silence.created_by = silence.comment = "test";
    EXPECT_FALSE(silences_.Set(std::move(silence), clock_.Now(), silence_));
  }
  void Restart() {
    EXPECT_TRUE(ledger_.Commit().ok());
    dispatcher_ = MakeDispatcher();
    std::vector<std::string> damaged;
    dispatcher_->Restore(*ledger_.Load(damaged), std::chrono::minutes(15));
  }
  std::unique_ptr<Dispatcher> MakeDispatcher() {
    return std::make_unique<Dispatcher>(DispatcherParts{
        *config_, "http://tw", clock_, ledger_, [this](const Notification& n) { Note(n); },
        [this](const Labels& labels) {
          return !silences_.Silencing(labels, clock_.Now()).empty();
        }});
  }
  void Note(const Notification& notification) {
    std::string text = fmt::format("{} {}:", static_cast<double>(clock_.Now() - start_) / 1000,
                                   notification.integration);
    for (const Alert& alert : notification.alerts) {
      text += fmt::format(" {}", alert.labels.Get("alertname"));
      if (alert.labels.Has("id")) text += fmt::format("/{}", alert.labels.Get("id"));
      if (alert.state == AlertState::kResolved) text += "-";
    }
    told_.push_back(std::move(text));
  }

  FakeClock clock_;
  const TimestampMs start_ = clock_.Now();
  std::string text_;
  std::unique_ptr<NotifyConfig> config_;
  Ledger ledger_{":memory:", start_};
  const std::unique_ptr<Logger> logger_ = MakeNullLogger();
  Silences silences_{":memory:", *logger_};
  std::string silence_;
  std::map<std::string, TimestampMs> fired_at_;
  std::unique_ptr<Dispatcher> dispatcher_;
  std::vector<std::string> told_;
};

class AcceptanceTest : public testing::TestWithParam<Scenario> {};

TEST_P(AcceptanceTest, TellsWhatAlertmanagerWould) {
  std::vector<std::string> wanted;
  const std::vector<std::string> told = Stage(GetParam()).Play(GetParam().script, wanted);
  // Groups that are due at once have no order.
  EXPECT_THAT(told, testing::UnorderedElementsAreArray(wanted));
}

INSTANTIATE_TEST_SUITE_P(Scenarios, AcceptanceTest, testing::ValuesIn(kScenarios),
                         [](const auto& one) { return one.param.name; });

}  // namespace
}  // namespace tierwatch
