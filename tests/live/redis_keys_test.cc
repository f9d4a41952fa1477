// Sampling of keys against a real Redis: groups, sizes and the budget.
#include <gtest/gtest.h>

#include "collectors/redis.h"
#include "tests/support/collect.h"
#include "tests/support/fake_clock.h"
#include "tests/support/redis_server.h"

namespace tierwatch {
namespace {

const SystemClock kClock;

double Group(const Sample& sample, const std::string& what, const std::string& group) {
  return ValueOf(sample, "tierwatch_redis_key_group_" + what, {group}).value_or(-1);
}

void Fill(RedisServer& server, const std::string& prefix, int count, int bytes) {
  server.Cli({"EVAL",
              "for i = 1, ARGV[2] do redis.call('SET', ARGV[1] .. i, string.rep('x', ARGV[3])) end",
              "0", prefix, std::to_string(count), std::to_string(bytes)});
}

TEST(RedisKeys, ASmallKeyspaceIsCountedAtOnceAndExactly) {
  RedisServer server;
  Fill(server, "org:1:profile:", 30, 10);
  Fill(server, "org:1:image:", 20, 100'000);
  Fill(server, "session:", 50, 10);
  server.Cli({"SET", "session:big", std::string(60'000, 'y')});
  const Target target = MakeTarget(
      &ReadRedis, "targets: ['" + server.url() +
                      "']\nkeys: {patterns: ['org:*:profile:*', 'org:*'], budget: 10000}\n");
  const Sample sample = CollectOnce(target, kClock);
  EXPECT_EQ(ErrorsOf(sample), "");
  EXPECT_EQ(ValueOf(sample, "tierwatch_redis_keys_sampled"), 101);
  EXPECT_EQ(Group(sample, "keys", "org:*:profile:*"), 30);
  EXPECT_EQ(Group(sample, "keys", "org:*"), 20);  // the first pattern that matches has the key
  EXPECT_EQ(Group(sample, "keys", "other"), 51);
  EXPECT_NEAR(Group(sample, "largest_bytes", "other"), 60'000, 20'000);
  EXPECT_GE(Group(sample, "bytes", "org:*"), 20 * 100'000);
  EXPECT_LT(Group(sample, "bytes", "org:*"), 20 * 150'000);
  EXPECT_LT(Group(sample, "bytes", "org:*:profile:*"), 30 * 500);
}

TEST(RedisKeys, ALargeKeyspaceIsEstimatedWithinItsBudget) {
  RedisServer server;
  Fill(server, "a:", 30'000, 1);
  Fill(server, "b:", 10'000, 1);
  const Target target = MakeTarget(
      &ReadRedis, "targets: ['" + server.url() +
                      "']\nkeys: {patterns: ['a:*', 'b:*'], budget: 4000, interval: 1000s}\n");
  FakeClock clock;
  Sample sample;
  std::vector<int> asked;  // keys so far, after each sample
  for (int i = 0; i <= 100; ++i) {
    sample = CollectOnce(target, clock);
    EXPECT_EQ(ErrorsOf(sample), "");
    asked.push_back(static_cast<int>(
        ValueOf(sample, "tierwatch_redis_commands_total", {"memory|usage"}).value_or(0)));
    clock.Advance(Millis{10'000});
  }
  // 10 % of the budget at once, then 40 keys in each 10 s; a batch may hold some more than its
  // count. The figures of commands are those before the step.
  EXPECT_NEAR(asked[1], 400, 100);
  for (std::size_t i = 2; i < asked.size(); ++i) EXPECT_LT(asked[i] - asked[i - 1], 100) << i;
  EXPECT_NEAR(asked.back(), 4'000, 300);
  EXPECT_NEAR(ValueOf(sample, "tierwatch_redis_keys_sampled").value_or(0), 4'000, 100);
  // The deviation of a share of 1/4 in 4,000 draws is 0.7 %; seven of them are 5 %.
  EXPECT_NEAR(Group(sample, "keys", "a:*"), 30'000, 2'000);
  EXPECT_NEAR(Group(sample, "keys", "b:*"), 10'000, 2'000);
  EXPECT_EQ(Group(sample, "keys", "other"), 0);
}

TEST(RedisKeys, AReplicaIsNotSampledAndMissingRightsAreTold) {
  RedisServer primary({"--repl-diskless-sync-delay", "0"});
  Fill(primary, "k:", 10, 1);
  RedisServer replica({"--replicaof", "127.0.0.1 " + std::to_string(primary.port())});
  const std::string keys = "keys: {patterns: ['k:*']}\n";
  const Target of_replica = MakeTarget(&ReadRedis, "targets: ['" + replica.url() + "']\n" + keys);
  Sample sample;
  EXPECT_TRUE(WaitUntil([&] {
    sample = CollectOnce(of_replica, kClock);
    return ValueOf(sample, "tierwatch_redis_keys", {"db0"}) == 10;
  }));
  EXPECT_FALSE(ValueOf(sample, "tierwatch_redis_keys_sampled"));

  primary.Cli({"ACL", "SETUSER", "scans", "on", ">pw", "-@all", "+info", "+ping", "+latency",
               "+slowlog", "+client|setname", "+scan", "+dbsize"});
  const Target no_sizes = MakeTarget(
      &ReadRedis, "targets: ['" + primary.url() + "']\nusername: scans\npassword: pw\n" + keys);
  sample = CollectOnce(no_sizes, kClock);
  EXPECT_TRUE(sample.up);
  EXPECT_TRUE(HasError(sample, Reason::kPrivileges)) << ErrorsOf(sample);
  EXPECT_EQ(Group(sample, "keys", "k:*"), 10);
  EXPECT_EQ(Group(sample, "bytes", "k:*"), -1);
}

}  // namespace
}  // namespace tierwatch
