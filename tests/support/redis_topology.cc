#include "tests/support/redis_topology.h"

#include <gtest/gtest.h>

namespace tierwatch {

RedisCluster::RedisCluster(int nodes, std::vector<std::string> arguments) {
  std::vector<int> bus_ports;
  for (int i = 0; i < nodes; ++i) {
    bus_ports.push_back(FreePort());
    std::vector<std::string> all{
        "--cluster-enabled",      "yes",
        "--cluster-port",         std::to_string(bus_ports.back()),
        "--cluster-node-timeout", "500",
        "--cluster-config-file",  dir_.path() + "/nodes-" + std::to_string(i) + ".conf"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    nodes_.push_back(std::make_unique<RedisServer>(std::move(all)));
    const int first = 16'384 * i / nodes, last = 16'384 * (i + 1) / nodes - 1;
    node(i).Cli({"CLUSTER", "ADDSLOTSRANGE", std::to_string(first), std::to_string(last)});
    node(i).Cli({"CLUSTER", "SET-CONFIG-EPOCH", std::to_string(i + 1)});
    if (i == 0) continue;
    node(0).Cli({"CLUSTER", "MEET", "127.0.0.1", std::to_string(node(i).port()),
                 std::to_string(bus_ports.back())});
  }
  const std::string known = "cluster_known_nodes:" + std::to_string(nodes);
  EXPECT_TRUE(WaitUntil(
      [&] {
        for (const auto& each : nodes_) {
          const std::string info = each->Cli({"CLUSTER", "INFO"});
          if (info.find("cluster_state:ok") == std::string::npos) return false;
          if (info.find(known) == std::string::npos) return false;
        }
        return true;
      },
      Millis{30'000}));
}

RedisSentinel::RedisSentinel(int primary_port, const std::string& more_configuration)
    : port_(FreePort()) {
  const std::string file =
      dir_.Write("sentinel.conf", "bind 127.0.0.1\nport " + std::to_string(port_) + "\ndir " +
                                      dir_.path() + "\nsentinel monitor orgs-cache 127.0.0.1 " +
                                      std::to_string(primary_port) +
                                      " 1\nsentinel down-after-milliseconds orgs-cache 500\n"
                                      "sentinel failover-timeout orgs-cache 2000\n" +
                                      more_configuration);
  process_ =
      std::make_unique<Process>(std::vector<std::string>{"redis-server", file, "--sentinel"});
  EXPECT_TRUE(WaitForPort(port_)) << process_->Output();
}

std::string RedisSentinel::Cli(std::vector<std::string> command) const {
  std::vector<std::string> words{"redis-cli", "-p", std::to_string(port_)};
  words.insert(words.end(), command.begin(), command.end());
  return RunProcess(std::move(words)).output;
}

}  // namespace tierwatch
