// The configuration: what is read, and every finding with its place.
#include "exporter/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/files.h"

namespace tierwatch {
namespace {

using testing::HasSubstr;

std::string Findings(std::string_view text, const std::string& file = "tw.yml") {
  CollectorResources resources;
  Diagnostics diagnostics;
  const auto config = ReadConfig(text, file, resources, diagnostics);
  EXPECT_EQ(config.has_value(), diagnostics.empty());
  return diagnostics.ToString();
}

TEST(Config, AnEmptyOneIsAllDefaults) {
  CollectorResources resources;
  Diagnostics diagnostics;
  const auto config = ReadConfig("{}", "tw.yml", resources, diagnostics);
  ASSERT_TRUE(config) << diagnostics.ToString();
  EXPECT_EQ(config->evaluation_interval, Millis(15'000));
  EXPECT_EQ(config->retention, Millis(7'200'000));
  EXPECT_EQ(config->web.listen_address, "0.0.0.0:9917");
  EXPECT_FALSE(config->remote_write);
  EXPECT_TRUE(config->targets.empty());
}

TEST(Config, ReadsWhatIsSet) {
  const TempDir dir;
  for (const std::string name : {"a", "b"}) {
    dir.Write("rules/" + name + ".yml",
              "groups: [{name: g, rules: [{alert: " + name + ", expr: up == 0}]}]");
  }
  CollectorResources resources;
  Diagnostics diagnostics;
  const auto config = ReadConfig(R"(
global:
  evaluation_interval: 1m
  external_labels: {cluster: eu-1}
  external_url: https://tw.example.org
  self_labels: {job: tierwatch, instance: "tw-1:9917"}
storage: {path: ":memory:", retention: 30m, max_bytes: 1GiB}
rule_files: ["rules/*.yml", rules/a.yml]
alerting: {route: {receiver: x}, receivers: [{name: x}]}
web: {listen_address: "127.0.0.1:0", max_connections: 32, probe: {enabled: false}, remote_write: {enabled: true},
  charts: {expires: 2h}}
)",
                                 dir.path() + "/tw.yml", resources, diagnostics);
  ASSERT_TRUE(config) << diagnostics.ToString();
  EXPECT_EQ(config->evaluation_interval, Millis(60'000));
  EXPECT_EQ(config->external_labels, (Labels{{"cluster", "eu-1"}}));
  EXPECT_EQ(config->self_labels, (Labels{{"job", "tierwatch"}, {"instance", "tw-1:9917"}}));
  EXPECT_EQ(config->retention, Millis(1'800'000));
  EXPECT_EQ(config->max_bytes, std::size_t{1} << 30);
  ASSERT_EQ(config->rules.size(), 2u);
  EXPECT_EQ(config->rules[0].file, dir.path() + "/rules/a.yml");
  EXPECT_EQ(config->rules[1].rules.at(0).name, "b");
  EXPECT_EQ(config->alerting.receivers.size(), 1u);
  EXPECT_EQ(config->web.max_connections, 32);
  EXPECT_TRUE(config->remote_write);
  EXPECT_EQ(config->charts, std::chrono::hours(2));
}

TEST(Config, EntriesBecomeTargetsWithTheirLabelsAndRhythm) {
  CollectorResources resources;
  Diagnostics diagnostics;
  const auto config = ReadConfig(R"(
global: {sample_interval: 20s, sample_timeout: 8s}
collectors:
  redis:
    - {service: cache, targets: ["redis://10.0.0.1:6379", "redis://10.0.0.2"], labels: {env: prod}}
    - {service: other, targets: ["redis://10.0.0.1:6379"], sample_interval: 5s}
)",
                                 "tw.yml", resources, diagnostics);
  ASSERT_TRUE(config) << diagnostics.ToString();
  ASSERT_EQ(config->targets.size(), 3u);
  EXPECT_EQ(config->targets[1].labels,
            (Labels{{"service", "cache"}, {"target", "10.0.0.2:6379"}, {"env", "prod"}}));
  EXPECT_EQ(config->targets[1].interval, Millis(20'000));
  EXPECT_EQ(config->targets[1].timeout, Millis(8'000));
  EXPECT_EQ(config->targets[2].interval, Millis(5'000));
  EXPECT_EQ(config->targets[2].timeout, Millis(5'000));  // never longer than the interval
}

TEST(Config, EachFindingHasItsPlace) {
  const std::pair<const char*, const char*> cases[] = {
      {"globl: {}", "tw.yml:1:1: unknown key"},
      {"globl: {}", "global"},  // the nearest known key
      {"global: {sample_interval: 0s}", "tw.yml:1:10: sample_interval must be longer than 0"},
      {"global:\n  evaluation_interval: 1 min", "tw.yml:2:"},
      {"global: {external_labels: {9x: y}}", "\"9x\" is not a label name"},
      {"global: {self_labels: {service: y}}", "the label service can't be set here"},
      {"global: {external_url: 'ftp://x'}", "external_url must be an http:// or https:// URL"},
      {"storage: {path: \"\"}", "tw.yml:1:11: path must name a folder, or be \":memory:\""},
      {"web: {config_file: web.yml}", "config_file is not supported yet"},
      {"web: {probe: {enabled: true}}", "/probe is not supported yet"},
      {"web: {listen_address: '9917'}", "tw.yml:1:7: a listen address is host:port or :port"},
      {"web: {listen_address: '[::]:9917'}", "tw.yml:1:7: IPv6 addresses can't be listened on"},
      {"web: {listen_address: '[::1]:0'}", "tw.yml:1:7: IPv6 addresses can't be listened on"},
      {"web: {charts: {expires: 0s}}", "longer than 0"},
      {"web: {remote_write: true}", "remote_write"},
      {"web: {remote_write: {enable: true}}", "unknown key"},
      {"web: {max_connections: 1}", "max_connections must be 2 to 4096"},
      {"rule_files: [nowhere/rules.yml]", "tw.yml:1:1: there is no file nowhere/rules.yml"},
      {"collectors: {nonsense: []}", "unknown key"},
      {"alerting: {route: {receiver: x}, receivers: []}", "tw.yml:1:"},
      {"collectors: {redis: {}}", "tw.yml:1:21: found a map, expected a list of entries of redis"},
      {"collectors: {redis: [{targets: ['redis://h:1']}]}", "service"},
      {"collectors: {redis: [{service: '', targets: ['redis://h:1']}]}",
       "service must not be empty"},
      {"collectors: {redis: [{service: s, targets: ['http://h:1']}]}",
       "a target must be a URL of redis://"},
      {"collectors: {redis: [{service: s, targets: ['redis://h:1', 'redis://h:1']}]}",
       "redis watches h:1 of service s twice"},
      {"collectors: {redis: [{service: s, targets: [], labels: {job: x}}]}",
       "the label job can't be set here"},
      {"collectors: {redis: [{service: s, dns_sd: [{name: n, type: MX}]}]}",
       "expected SRV, A or AAAA"},
      {"collectors: {redis: [{service: s, dns_sd: [{name: n, type: A}]}]}", "port"},
      {"collectors: {redis: [{service: s, targets: [], url: 'redis://{}'}]}", "url is what"},
      {"collectors: {replicas: [{service: s, primary: 'postgresql://h/d', file_sd: [x]}]}",
       "replicas are not discovered"},
      {"collectors: {redis: [{service: s, targets: [], max_series: 5}]}", "max_series must be"},
      {"collectors: {redis: [{service: s, targets: [], sample_interval: 1s, sample_timeout: 2s}]}",
       "sample_timeout must not be longer than sample_interval"},
      {"collectors: {redis: [{service: s, targets: [], tire: L3}]}", "tier"},
      {"collectors: []", "tw.yml:1:13: "},
      {"a: &a [x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
       "d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\n"
       "f: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\ng: &g [*f,*f,*f,*f,*f,*f,*f,*f,*f]\n"
       "h: [*g,*g,*g,*g,*g,*g,*g,*g,*g]\n",
       "1000000 nodes"},
  };
  for (const auto& [text, want] : cases) EXPECT_THAT(Findings(text), HasSubstr(want)) << text;
}

TEST(Config, AllFindingsAtOnce) {
  const std::string findings =
      Findings("global: {sample_interval: x, nonsense: 1}\nweb: {max_connections: y}\n");
  EXPECT_EQ(std::count(findings.begin(), findings.end(), '\n'), 3) << findings;
}

TEST(Config, AFileThatCantBeReadIsAFinding) {
  CollectorResources resources;
  for (const auto& [path, want] : {std::pair{"/nowhere/tw.yml", "/nowhere/tw.yml: No such file"},
                                   std::pair{"/tmp", "/tmp: is a directory"}}) {
    Diagnostics diagnostics;
    EXPECT_FALSE(ReadConfigFile(path, resources, diagnostics));
    EXPECT_THAT(diagnostics.ToString(), HasSubstr(want));
  }
}

}  // namespace
}  // namespace tierwatch
