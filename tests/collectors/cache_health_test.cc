// What the golden pages can't show: memory over many answers, and the configuration's findings.
#include "collectors/cache_health.h"

#include <gtest/gtest.h>

#include "collectors/database_health.h"
#include "collectors/redis.h"
#include "collectors/tiering.h"

namespace tierwatch {
namespace {

TEST(InstanceWatch, ARestartIsAChangeAndNoSecondInstance) {
  InstanceWatch watch;
  for (const double start : {1000.0, 1000.9, 999.1, 5000.0, 5000.0, 9000.0}) watch.Observe(start);
  EXPECT_EQ(watch.changes(), 2);
  EXPECT_FALSE(watch.several());
}

TEST(InstanceWatch, AMoveBackProvesSeveralUntilOneHasAnsweredTwentyTimes) {
  InstanceWatch watch;
  for (const double start : {1000.0, 5000.0, 1000.0}) watch.Observe(start);
  EXPECT_EQ(watch.changes(), 2);
  EXPECT_TRUE(watch.several());
  for (int i = 0; i < 18; ++i) watch.Observe(1000);
  EXPECT_TRUE(watch.several());
  watch.Observe(1000);
  EXPECT_FALSE(watch.several());
}

TEST(Tiering, ReadsWhatTheConfigurationWrites) {
  using Levels = std::vector<std::string>;
  EXPECT_EQ(ParseTiering("L1").value(), Levels{"L1"});
  EXPECT_EQ(ParseTiering("L1L2L3").value(), (Levels{"L1", "L2", "L3"}));
  for (const char* bad : {"", "L", "l1", "L1 L2", "L1,L2", "L1L1", "L1x", "memory", "L1L1234"}) {
    EXPECT_FALSE(ParseTiering(bad).ok()) << bad;
  }
}

TEST(Tiering, KnowsALevelByNameThenByType) {
  EXPECT_EQ(TierLevel("L3-Redis", "memory"), "L3");
  EXPECT_EQ(TierLevel("l2_encore", ""), "L2");
  EXPECT_EQ(TierLevel("L12", ""), "L12");
  EXPECT_EQ(TierLevel("front", "memory"), "L1");
  EXPECT_EQ(TierLevel("Local", ""), "");
  EXPECT_EQ(TierLevel("L1x", ""), "");
  EXPECT_EQ(TierLevel("", ""), "");
}

// The findings of an entry of a collector, and its targets as the label shows them.
struct Reading {
  std::string findings;
  std::vector<std::string> names;
};

Reading ReadEntry(std::string_view stem, std::string_view yaml) {
  Diagnostics diagnostics;
  const std::optional<YamlNode> node = YamlNode::Parse(yaml, "t.yml", diagnostics);
  Reading reading;
  for (const CollectorKind& kind : CollectorKinds()) {
    if (kind.stem != stem || !node) continue;
    YamlMap map(*node, stem, diagnostics);
    CollectorResources resources;
    const CollectorEntry entry = kind.read(map, "orgs", resources);
    map.Finish();
    for (const std::string& address : entry.addresses) {
      Result<Target> target = entry.make(address);
      reading.names.push_back(target.ok() ? target->name : "! " + target.error().message);
    }
  }
  reading.findings = diagnostics.ToString();
  return reading;
}

TEST(Entries, TargetsGoByHostAndPortWithoutCredentials) {
  using Names = std::vector<std::string>;
  const Reading http =
      ReadEntry("cache_health", "targets: ['http://u:p@a:4000/x', 'https://b', 'http://[::1]']");
  EXPECT_EQ(http.findings, "");
  EXPECT_EQ(http.names, (Names{"a:4000", "b:443", "[::1]:80"}));
  const Reading redis =
      ReadEntry("redis", "targets: ['redis://:p@a', 'rediss://u:p@b:6380/3']\ncluster: false");
  EXPECT_EQ(redis.findings, "");
  EXPECT_EQ(redis.names, (Names{"a:6379", "b:6380"}));
}

TEST(Entries, FindingsNameTheKeyAndThePlace) {
  struct Case {
    const char* stem;
    const char* yaml;
    const char* finding;
  };
  const Case cases[] = {
      {"cache_health", "targets: [http://a]\nexpected_tiering: L1L9L1",
       "t.yml:2:1: expected a tiering such as L1, L1L2 or L1L2L3, not \"L1L9L1\""},
      {"cache_health", "targets: [http://a]\npath: health",
       "t.yml:2:1: a path begins with /, not \"health\""},
      {"cache_health", "targets: [http://a]\nfields: {hits: stats.hits}",
       "t.yml:2:10: expected a JSON pointer such as /stats/hits, not \"stats.hits\""},
      {"cache_health", "targets: [http://a]\ntier_fields: {hit: /hits}", "hits"},
      {"cache_health", "targets: [http://a]\nlatency_unit: m",
       "t.yml:2:1: expected s, ms or us, not \"m\""},
      {"database_health", "targets: [http://a]\nexpected_replicas: -1",
       "t.yml:2:1: expected_replicas must not be negative"},
      {"redis", "targets: [redis://a]\nsentinel: {}", "master"},
      {"redis", "targets: [redis://a]\nsentinel: {master: m, username: u}",
       "t.yml:2:23: a username needs a password"},
      {"redis", "targets: [redis://a]\nsentinel: {master: m}\ncluster: true",
       "t.yml:3:1: a cluster needs no sentinels"},
      {"redis", "targets: [redis://a/2]\ncluster: true",
       "t.yml:1:1: sentinels and nodes of a cluster have no numbered databases"},
      {"redis", "targets: ['unix:///run/r.sock?d=1']",
       "t.yml:1:1: only ?db=number may follow the path of a Unix socket"},
      {"redis", "targets: ['unix://host/run/r.sock']", "t.yml:1:1: the URL of a Unix socket is"},
      {"redis", "targets: [redis://a]\nkeys: {budget: 0}", "t.yml:2:8: budget must be 1 to"},
      {"redis", "targets: [redis://a]\nkeys: {patterns: [a, other]}",
       "t.yml:2:8: patterns must differ, and none may be"},
      {"redis", "targets: [redis://a/x]",
       "t.yml:1:1: the database of a Redis URL must be a number"},
      {"redis", "targets: [redis://a]\nusername: u", "t.yml:2:1: a username needs a password"},
      {"redis", "targets: [http://a]",
       "t.yml:1:1: a target must be a URL of redis:// or rediss:// or unix://"},
      {"redis", "targets: [redis://a]\npasword: x", "password"},
  };
  for (const Case& c : cases) {
    const Reading reading = ReadEntry(c.stem, c.yaml);
    EXPECT_NE(reading.findings.find(c.finding), std::string::npos) << c.yaml << "\n"
                                                                   << reading.findings;
  }
}

}  // namespace
}  // namespace tierwatch
