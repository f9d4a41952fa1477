// The collector redis against a real cluster and a real sentinel: what it reads there, and the
// servers that it finds.
#include "tests/support/redis_topology.h"

#include <gtest/gtest.h>
#include <signal.h>

#include "collectors/redis.h"
#include "tests/support/collect.h"

namespace tierwatch {
namespace {

const SystemClock kClock;

std::string HostPort(const RedisServer& server) {
  return "127.0.0.1:" + std::to_string(server.port());
}

std::vector<std::string> Sorted(std::vector<std::string> list) {
  std::sort(list.begin(), list.end());
  return list;
}

TEST(RedisTopology, EveryNodeOfAClusterNamesAllNodesAndItself) {
  RedisCluster cluster(3);
  std::vector<std::string> all;
  for (std::size_t i = 0; i < 3; ++i) all.push_back(cluster.node(i).url());
  for (std::size_t i = 0; i < 3; ++i) {
    const Target target = MakeTarget(&ReadRedis, "targets: ['" + all[i] + "']\ncluster: true\n");
    const Sample sample = CollectOnce(target, kClock);
    EXPECT_EQ(ErrorsOf(sample), "");
    ASSERT_TRUE(sample.members);
    EXPECT_EQ(Sorted(sample.members->addresses), Sorted(all));
    EXPECT_EQ(sample.members->self, all[i]);
    EXPECT_EQ(ValueOf(sample, "tierwatch_redis_cluster_ok"), 1);
    EXPECT_EQ(ValueOf(sample, "tierwatch_redis_cluster_slots", {"assigned"}), 16'384);
    EXPECT_EQ(ValueOf(sample, "tierwatch_redis_cluster_slots", {"ok"}), 16'384);
    EXPECT_EQ(ValueOf(sample, "tierwatch_redis_cluster_nodes", {"primary", "ok"}), 3);
    // 16384 / 3: two nodes have 5461, one has 5462.
    EXPECT_NEAR(ValueOf(sample, "tierwatch_redis_cluster_node_slots").value_or(0), 5461, 1);
  }
}

TEST(RedisTopology, ADeadNodesSlotsFail) {
  RedisCluster cluster(3);
  const Target target =
      MakeTarget(&ReadRedis, "targets: ['" + cluster.node(0).url() + "']\ncluster: true\n");
  cluster.node(2).process().Signal(SIGKILL);
  Sample sample;
  EXPECT_TRUE(WaitUntil([&] {
    sample = CollectOnce(target, kClock);
    return ValueOf(sample, "tierwatch_redis_cluster_nodes", {"primary", "failed"}) == 1;
  }));
  EXPECT_TRUE(WaitUntil([&] {
    sample = CollectOnce(target, kClock);
    return ValueOf(sample, "tierwatch_redis_cluster_ok") == 0;
  }));
  EXPECT_TRUE(sample.up);
  EXPECT_EQ(ValueOf(sample, "tierwatch_redis_cluster_slots", {"fail"}), 16'384 - 16'384 * 2 / 3);
  EXPECT_EQ(sample.members->addresses.size(), 3u);  // it belongs to the cluster all the same
}

TEST(RedisTopology, AServerOutsideOfAClusterSaysSo) {
  RedisServer server;
  const Target target =
      MakeTarget(&ReadRedis, "targets: ['" + server.url() + "']\ncluster: true\n");
  const Sample sample = CollectOnce(target, kClock);
  EXPECT_TRUE(sample.up);
  EXPECT_FALSE(sample.members);
  EXPECT_NE(ErrorsOf(sample).find("cluster support disabled"), std::string::npos);
}

TEST(RedisTopology, ASentinelNamesThePrimaryAndItsReplicasAndFollowsAFailover) {
  RedisServer primary({"--repl-diskless-sync-delay", "0"});
  RedisServer replica({"--replicaof", "127.0.0.1 " + std::to_string(primary.port())});
  RedisSentinel sentinel(primary.port());
  const std::string entry = "targets: ['" + sentinel.url() + "']\nsentinel: {master: orgs-cache}\n";
  const Target target = MakeTarget(&ReadRedis, entry);
  const std::vector<std::string> both = Sorted({primary.url(), replica.url()});
  Sample sample;
  EXPECT_TRUE(WaitUntil(
      [&] {
        sample = CollectOnce(target, kClock);
        return ErrorsOf(sample).empty() && sample.members &&
               Sorted(sample.members->addresses) == both &&
               ValueOf(sample, "tierwatch_redis_sentinel_replicas", {"ok"}) == 1;
      },
      Millis{30'000}))
      << ErrorsOf(sample);
  EXPECT_EQ(ValueOf(sample, "tierwatch_redis_up"), 1);
  EXPECT_EQ(ValueOf(sample, "tierwatch_redis_sentinel_primary_info", {HostPort(primary)}), 1);
  EXPECT_EQ(ValueOf(sample, "tierwatch_redis_sentinel_primary_ok"), 1);
  EXPECT_EQ(ValueOf(sample, "tierwatch_redis_sentinel_quorum_ok"), 1);
  EXPECT_EQ(ValueOf(sample, "tierwatch_redis_sentinel_sentinels"), 1);

  primary.process().Signal(SIGKILL);
  EXPECT_TRUE(WaitUntil(
      [&] {
        sample = CollectOnce(target, kClock);
        return ValueOf(sample, "tierwatch_redis_sentinel_primary_info", {HostPort(replica)}) == 1;
      },
      Millis{30'000}));
  ASSERT_TRUE(sample.members);
  EXPECT_EQ(Sorted(sample.members->addresses), both);
  const Target new_primary = MakeTarget(&ReadRedis, "targets: ['" + replica.url() + "']\n");
  EXPECT_EQ(ValueOf(CollectOnce(new_primary, kClock), "tierwatch_redis_role", {"primary"}), 1);
}

TEST(RedisTopology, ASentinelThatDoesNotKnowTheNameSaysSo) {
  RedisServer primary;
  RedisSentinel sentinel(primary.port());
  const Target target =
      MakeTarget(&ReadRedis, "targets: ['" + sentinel.url() + "']\nsentinel: {master: other}\n");
  const Sample sample = CollectOnce(target, kClock);
  EXPECT_TRUE(sample.up);
  EXPECT_FALSE(sample.members);
  EXPECT_NE(ErrorsOf(sample).find("No such master"), std::string::npos) << ErrorsOf(sample);
}

TEST(RedisTopology, ASentinelHasAPasswordOfItsOwn) {
  RedisServer primary({"--requirepass", "servers"});
  RedisSentinel sentinel(primary.port(),
                         "requirepass sentinels\nsentinel auth-pass orgs-cache servers\n");
  const std::string targets = "targets: ['" + sentinel.url() + "']\npassword: servers\n";
  const Target wrong = MakeTarget(&ReadRedis, targets + "sentinel: {master: orgs-cache}\n");
  EXPECT_TRUE(HasError(CollectOnce(wrong, kClock), Reason::kAuth));
  const Target right =
      MakeTarget(&ReadRedis, targets + "sentinel: {master: orgs-cache, password: sentinels}\n");
  Sample sample = CollectOnce(right, kClock);
  EXPECT_EQ(ErrorsOf(sample), "");
  ASSERT_TRUE(sample.members);
  ASSERT_EQ(sample.members->addresses.size(), 1u);
  // The member is reached with the entry's password.
  Diagnostics diagnostics;
  const auto node = YamlNode::Parse(targets + "sentinel: {master: orgs-cache}\n", "t", diagnostics);
  YamlMap map(*node, "entry", diagnostics);
  CollectorResources resources;
  const CollectorEntry entry = ReadRedis(map, "orgs", resources);
  const Target member = entry.make_member(sample.members->addresses[0]).value();
  EXPECT_EQ(member.name, HostPort(primary));
  EXPECT_EQ(ErrorsOf(CollectOnce(member, kClock)), "");
}

TEST(RedisTopology, AUnixSocketIsATarget) {
  const TempDir dir;
  const std::string path = dir.path() + "/redis.sock";
  RedisServer server({"--unixsocket", path, "--requirepass", "secret"});
  const Target target = MakeTarget(&ReadRedis, "targets: ['unix://:secret@" + path + "?db=3']\n");
  EXPECT_EQ(target.name, "unix:" + path);
  const Sample sample = CollectOnce(target, kClock);
  EXPECT_TRUE(sample.up) << ErrorsOf(sample);
  EXPECT_EQ(ErrorsOf(sample), "");
  EXPECT_NE(server.Cli({"CLIENT", "LIST"}, {"-a", "secret"}).find("db=3"), std::string::npos);
  const Target nowhere = MakeTarget(&ReadRedis, "targets: ['unix:///no/such.sock']\n");
  const Sample down = CollectOnce(nowhere, kClock);
  EXPECT_FALSE(down.up);
  EXPECT_TRUE(HasError(down, Reason::kConnect)) << ErrorsOf(down);
}

}  // namespace
}  // namespace tierwatch
