// tierwatch itself over a sentinel and over a cluster: it watches whoever belongs there, and
// follows a failover, a node that comes and one that goes, with the configuration that it was
// started with.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "tests/support/redis_topology.h"

namespace tierwatch {
namespace {

using testing::HasSubstr;

class RedisMembers : public testing::Test {
 protected:
  void Start(const std::string& entry) {
    const std::string config = dir_.Write("tierwatch.yml", fmt::format(R"(
global: {{sample_interval: 200ms}}
collectors: {{redis: [{{service: cache, labels: {{zone: a}}, {}}}]}}
web: {{listen_address: "127.0.0.1:{}"}}
)",
                                                                       entry, port_));
    process_.emplace(std::vector<std::string>{TIERWATCH_BINARY, "run", "--config", config});
    ASSERT_TRUE(WaitForPort(port_, Millis{60'000})) << process_->Output();
  }

  std::string Page() const {
    return RunProcess({"curl", "-s", fmt::format("http://127.0.0.1:{}/metrics", port_)}).output;
  }
  // True as soon as the page has each of the lines.
  bool Shows(const std::vector<std::string>& lines) {
    return WaitUntil(
        [&] {
          const std::string page = Page();
          return std::all_of(lines.begin(), lines.end(), [&](const std::string& line) {
            return page.find(line) != std::string::npos;
          });
        },
        Millis{90'000});
  }
  bool Hides(const std::string& text) {
    return WaitUntil([&] { return Page().find(text) == std::string::npos; }, Millis{90'000});
  }

  static std::string Address(const RedisServer& server) {
    return fmt::format("127.0.0.1:{}", server.port());
  }

 private:
  const TempDir dir_;
  const int port_ = FreePort();
  std::optional<Process> process_;
};

std::string Role(const std::string& target, const std::string& role) {
  return fmt::format(
      "tierwatch_redis_role{{role=\"{}\",service=\"cache\",target=\"{}\",zone=\"a\"}} 1", role,
      target);
}

std::string Up(const std::string& target, int up) {
  return fmt::format("tierwatch_redis_up{{service=\"cache\",target=\"{}\",zone=\"a\"}} {}", target,
                     up);
}

TEST_F(RedisMembers, AFailoverIsFollowedWithoutAChangeOfTheConfiguration) {
  RedisServer primary({"--repl-diskless-sync-delay", "0"});
  RedisServer replica({"--replicaof", "127.0.0.1 " + std::to_string(primary.port())});
  RedisSentinel sentinel(primary.port());
  Start(fmt::format("targets: [\"{}\"], sentinel: {{master: orgs-cache}}", sentinel.url()));
  EXPECT_TRUE(Shows({Role(Address(primary), "primary"), Role(Address(replica), "replica"),
                     "tierwatch_redis_sentinel_primary_ok"}));
  primary.process().Signal(SIGKILL);
  EXPECT_TRUE(Shows({Role(Address(replica), "primary"), Up(Address(primary), 0)})) << Page();
  primary.Start();
  // On a busy machine the sentinel may think again, and make it the primary once more.
  const auto settled = [&](const RedisServer& now, const RedisServer& other) {
    const std::string page = Page();
    const std::string says =
        "tierwatch_redis_sentinel_primary_info{master=\"orgs-cache\",primary=\"";
    return page.find(Role(Address(now), "primary")) != std::string::npos &&
           page.find(Role(Address(other), "replica")) != std::string::npos &&
           page.find(says + Address(now)) != std::string::npos;
  };
  EXPECT_TRUE(WaitUntil([&] { return settled(replica, primary) || settled(primary, replica); },
                        Millis{60'000}))
      << Page();
  EXPECT_TRUE(Shows({Up(Address(primary), 1), Up(Address(replica), 1)}));
}

TEST_F(RedisMembers, EveryNodeOfAClusterIsWatchedOnceAsTheyComeAndGo) {
  RedisCluster cluster(3);
  // By its name here, by its address in the cluster.
  Start(fmt::format("targets: [\"redis://localhost:{}\"], cluster: true", cluster.node(0).port()));
  const std::string first = fmt::format("localhost:{}", cluster.node(0).port());
  const std::string second = Address(cluster.node(1)), third = Address(cluster.node(2));
  EXPECT_TRUE(Shows({Up(first, 1), Up(second, 1), Up(third, 1)})) << Page();
  EXPECT_EQ(Page().find(Address(cluster.node(0))), std::string::npos);

  const std::string id = cluster.node(2).Cli({"CLUSTER", "MYID"}).substr(0, 40);
  cluster.node(2).process().Signal(SIGKILL);
  EXPECT_TRUE(Shows(
      {Up(third, 0), fmt::format("tierwatch_redis_cluster_ok{{service=\"cache\",target=\"{}\","
                                 "zone=\"a\"}} 0",
                                 first)}));
  for (std::size_t i = 0; i < 2; ++i) cluster.node(i).Cli({"CLUSTER", "FORGET", id});
  EXPECT_TRUE(Hides(third));
  EXPECT_TRUE(Shows({Up(first, 1), Up(second, 1)}));
}

}  // namespace
}  // namespace tierwatch
