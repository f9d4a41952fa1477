#include "alerts/notify/config.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "tests/support/conformance.h"
#include "tests/support/files.h"

namespace tierwatch {
namespace {

struct Read {
  NotifyConfig config;
  std::string findings;
};

Read ReadText(std::string_view text) {
  Diagnostics diagnostics;
  Read read;
  if (const auto node = YamlNode::Parse(text, "am.yml", diagnostics)) {
    read.config = ReadNotifyConfig(*node, diagnostics);
  }
  read.findings = diagnostics.ToString();
  return read;
}

TEST(NotifyConfigTest, NothingIsNobody) {
  EXPECT_EQ(ReadText("").findings, "");
  EXPECT_EQ(ReadText("").config.route, nullptr);
  EXPECT_EQ(ReadText("{}").findings, "");
}

TEST(NotifyConfigTest, ChildrenInheritAndOverride) {
  const Read read = ReadText(R"(
global: {resolve_timeout: 5m, http_config: {proxy_url: "http://proxy:3128"}}
route:
  receiver: a
  group_by: [service, alertname]
  group_wait: 5s
  routes:
    - matchers: ['severity="critical"', 'team=~"x|y"']
      receiver: b
      group_wait: 0s
      continue: true
      routes:
        - match: {tier: L3}
          match_re: {host: "db.*"}
          group_by: ['...']
          repeat_interval: 1h
    - group_by: []
receivers:
  - name: a
    webhook_configs:
      - {url: "http://127.0.0.1:1/x", send_resolved: false, max_alerts: 3, timeout: 7s}
      - url_file: /run/secrets/url
        http_config:
          authorization: {credentials_file: /run/secrets/token}
          tls_config: {ca_file: ca.pem, server_name: hooks}
          follow_redirects: false
  - name: b
inhibit_rules: []
time_intervals: []
)");
  ASSERT_EQ(read.findings, "");
  const Route& root = *read.config.route;
  EXPECT_EQ(root.key, "{}");
  EXPECT_EQ(root.group_by, (std::vector<std::string>{"alertname", "service"}));
  EXPECT_EQ(root.group_interval, Millis{300'000});
  EXPECT_EQ(root.repeat_interval, Millis{14'400'000});
  ASSERT_EQ(root.routes.size(), 2u);
  const Route& critical = root.routes[0];
  EXPECT_EQ(critical.key, R"({}/{severity="critical",team=~"x|y"})");
  EXPECT_EQ(critical.receiver, "b");
  EXPECT_EQ(critical.group_wait, Millis{0});
  EXPECT_EQ(critical.group_by, root.group_by);
  EXPECT_TRUE(critical.continue_matching);
  const Route& deep = critical.routes.at(0);
  EXPECT_EQ(deep.key, R"({}/{severity="critical",team=~"x|y"}/{host=~"db.*",tier="L3"})");
  EXPECT_EQ(deep.receiver, "b");
  EXPECT_TRUE(deep.group_by_all);
  EXPECT_EQ(deep.repeat_interval, Millis{3'600'000});
  EXPECT_FALSE(deep.continue_matching);
  EXPECT_EQ(root.routes[1].receiver, "a");
  EXPECT_TRUE(root.routes[1].group_by.empty());

  ASSERT_EQ(read.config.receivers.size(), 2u);
  const auto& integrations = read.config.receivers[0].integrations;
  ASSERT_EQ(integrations.size(), 2u);
  EXPECT_EQ(integrations[0]->name(), "a/webhook[0]");
  EXPECT_FALSE(integrations[0]->send_resolved());
  EXPECT_EQ(integrations[1]->name(), "a/webhook[1]");
  EXPECT_TRUE(integrations[1]->send_resolved());
}

TEST(NotifyConfigTest, SaysEverythingThatIsWrongAtOnce) {
  const std::string findings = ReadText(R"(
route:
  receiver: on-cal
  group_by: [a, a]
  group_interval: 0s
  continue: true
  routes:
    - matchers: ['severity=~"("', 'x']
      mute_time_intervals: [nights]
    - group_by: ['...', a]
      receiver: nobody-knows
      grup_wait: 1s
receivers:
  - name: on-call
    webhook_configs:
      - {url: "ftp://u:secret@h"}
      - {max_alerts: -1}
      - url: "http://h"
        http_config: {bearer_token: x, basic_auth: {username: u, password: p}, oauth2: {client_id: x}}
    pagerduty_configs: [{severity: high}]
    victorops_configs: [{routing_key: k}]
    slack_configs: [{api_url: "https://hooks", title: "{{ nosuch }}"}]
    discord_configs: []
  - name: on-call
inhibit_rules: [{source_match_re: {a: '*'}, target_matchers: [a=b]}]
time_intervals:
  - name: bad
    time_intervals: [{days_of_month: ['0'], times: [{start_time: '17:00', end_time: '09:00'}], location: Mars/Olympus}]
templates: ['*.nothing']
)")
                                   .findings;
  EXPECT_EQ(findings.find("secret"), std::string::npos) << findings;
  for (const char* want : {
           R"(am.yml:3:3: receiver "on-cal" is not defined in receivers; did you mean "on-call"?)",
           R"(am.yml:4:3: group_by: "a" occurs twice)",
           "am.yml:5:3: group_interval can't be 0",
           "am.yml:6:3: the first route can't have continue",
           R"(am.yml:8:18: bad regular expression "(")",
           R"(am.yml:8:35: bad matcher "x": expected =, !=, =~ or !~ after the label name)",
           R"(am.yml:9:7: mute_time_intervals: time interval "nights" is not defined)",
           "am.yml:10:7: group_by: ... stands for every label",
           R"(am.yml:11:7: receiver "nobody-knows" is not defined in receivers)",
           "grup_wait",
           "url: expected http://host[:port]/path or https://…",
           "url or url_file is missing",
           "max_alerts: expected 0 (all) or more",
           "give one of basic_auth, authorization, bearer_token, bearer_token_file and oauth2",
           R"(oauth2 lacks the key "token_url")",
           "victorops_configs is not supported by this version of tierwatch",
           "pagerduty: routing_key or routing_key_file is missing",
           R"(receiver "on-call" is defined twice)",
           R"(bad regular expression "*")",
           R"(days_of_month: "0": expected a day)",
           R"(unknown time zone "Mars/Olympus")",
           "start_time must be before end_time",
           R"(title: template: at byte 3: function "nosuch" not defined)",
       }) {
    EXPECT_NE(findings.find(want), std::string::npos) << want << " is missing in:\n" << findings;
  }
  EXPECT_EQ(std::count(findings.begin(), findings.end(), '\n'), 23) << findings;
  EXPECT_EQ(findings.find("discord_configs"), std::string::npos)
      << "an empty list asks for nothing";
}

TEST(NotifyConfigTest, ConnectionsThatCouldNotBeMade) {
  const std::string findings = ReadText(R"(
allowed_networks: [10.0.0.0/8, 10.0.0.0/33]
route: {receiver: r}
receivers:
  - name: r
    concurrency: 17
    webhook_configs:
      - url: "http://h/{{ .Nosuch"
        hmac_header: "a b"
        payload: {a: ['{{ nosuch }}']}
        http_config:
          http_headers: {authorization: {values: [x]}, X-A: {values: ["a\nb"], other: 1}}
          oauth2: {client_id: i, token_url: "ftp://h", no_proxy: x}
    alertmanager_configs: [{urls: ["h:9093", "http://h", "http://h:80/x"], send_resolved: false}, {}]
)")
                                   .findings;
  for (const char* want : {
           R"(am.yml:2:1: "10.0.0.0/33": expected a network such as 10.0.0.0/8)",
           "am.yml:6:5: concurrency: expected 1 to 16",
           "am.yml:8:9: url: template: at byte 9: ",
           "am.yml:9:9: hmac_header: expected the name of a header",
           R"(am.yml:10:23: payload: template: at byte 3: function "nosuch" not defined)",
           R"(am.yml:12:26: http_headers: "authorization" can't be set here)",
           "http_headers: X-A has a line end",
           R"(unknown key "other" in http_headers)",
           "token_url: expected http://host/path or https://",
           "am.yml:13:56: no_proxy needs proxy_url",
           "urls: expected http://host[:port][/path] or https://",
           "urls: r/alertmanager[0]/h:80 is given twice",
           R"(unknown key "send_resolved" in alertmanager)",
           R"(alertmanager lacks the key "urls")",
       }) {
    EXPECT_NE(findings.find(want), std::string::npos) << want << " is missing in:\n" << findings;
  }
  EXPECT_EQ(std::count(findings.begin(), findings.end(), '\n'), 14) << findings;
}

TEST(NotifyConfigTest, MailThatCouldNotBeSent) {
  const std::string findings = ReadText(R"(
global: {smtp_smarthost: 'mail.example.org', smtp_auth_password: p}
route: {receiver: r}
receivers:
  - name: r
    email_configs:
      - {to: nobody}
      - {smarthost: 'm:25', from: 'a@x, b', headers: {X-A: a, x-a: b, 'b c': d}}
      - {smarthost: 'm:25', from: a@x, to: '{{ .X', auth_secret: s}
      - {smarthost: 'm:25', from: a@x, to: b@x, headers: {references: r}, threading: {enabled: true, by: x}}
)")
                                   .findings;
  for (const char* want : {
           "am.yml:2:10: smtp_smarthost: expected host:port",
           "am.yml:7:9: email: no smarthost, here or smtp_smarthost under global",
           "am.yml:7:9: email: from is missing",
           "am.yml:7:10: to: expected addresses such as name@example.org",
           "am.yml:8:29: from: expected addresses such as name@example.org",
           "am.yml:8:9: email: to is missing",
           R"(headers: "X-A" is given twice)",
           R"(headers: "b c" is no name of a header)",
           "am.yml:9:40: to: template: ",
           "am.yml:9:9: email: give a password (PLAIN, LOGIN) or a secret (CRAM-MD5), not both",
           "thread_by_date: expected none or daily",
           "threading sets the header References",
           R"(unknown key "by")",
       }) {
    EXPECT_NE(findings.find(want), std::string::npos) << want << " is missing in:\n" << findings;
  }
  EXPECT_EQ(std::count(findings.begin(), findings.end(), '\n'), 13) << findings;
}

TEST(NotifyConfigTest, RouteMayBeMissingOnlyWithTheSection) {
  EXPECT_EQ(ReadText("receivers: [{name: a}]").findings,
            "am.yml:1:1: alerting: route is missing\n");
  EXPECT_NE(ReadText("route: {}\nreceivers: []").findings.find("receiver"), std::string::npos);
  EXPECT_NE(ReadText("route: {receiver: a, matchers: [a=b]}\nreceivers: [{name: a}]")
                .findings.find("can't have matchers"),
            std::string::npos);
  EXPECT_NE(ReadText("route: [a]").findings, "");
  EXPECT_NE(ReadText("route: {receiver: a, repeat_interval: 200y}\nreceivers: [{name: a}]")
                .findings.find("at most"),
            std::string::npos);
}

// Alertmanager's own files: its verdict, but that integrations which are not built are refused by
// their names.
TEST(NotifyConfigTest, AlertmanagersOwnFiles) {
  const std::string folder = ConformancePath("alertmanager/");
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << folder << " is not there";
  struct Case {
    std::string file;
    std::vector<std::string> want;  // each occurs; nothing else is found
  };
  const Case cases[] = {
      {"conf.good.yml",
       {"victorops_configs is not supported", "pushover_configs is not supported"}},
      {"conf.empty-fields.yml", {}},
      {"conf.group-by-all.yml", {}},
      {"conf.http-config.good.yml", {}},
      {"conf.nil-match_re-route.yml", {"invalid_label"}},
      {"conf.nil-source_match_re-inhibition.yml", {"invalid_source_label"}},
      {"conf.nil-target_match_re-inhibition.yml", {"invalid_target_label"}},
      {"conf.opsgenie-default-apikey-file.yml", {}},
      {"conf.opsgenie-no-apikey.yml", {"no api_key or api_key_file"}},
      {"conf.slack-both-url-and-token.yml", {"one of slack_api_url and slack_app_token"}},
      {"conf.slack-no-api-url-or-token.yml", {"no api_url or app_token"}},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.file);
    const std::string findings = ReadText(ReadFile(folder + c.file)).findings;
    for (const std::string& want : c.want)
      EXPECT_NE(findings.find(want), std::string::npos) << want << " is missing in:\n" << findings;
    EXPECT_EQ(static_cast<std::size_t>(std::count(findings.begin(), findings.end(), '\n')),
              c.want.size())
        << findings;
  }
}

}  // namespace
}  // namespace tierwatch
