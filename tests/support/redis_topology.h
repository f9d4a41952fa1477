// Real Redis servers that belong together: a cluster, and a sentinel.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/support/files.h"
#include "tests/support/process.h"
#include "tests/support/redis_server.h"

namespace tierwatch {

/// Primaries that share all slots evenly, without replicas; the cluster is well when the
/// constructor returns. A node is taken to have failed after half a second of silence.
class RedisCluster {
 public:
  explicit RedisCluster(int nodes, std::vector<std::string> arguments = {});
  RedisServer& node(std::size_t i) { return *nodes_[i]; }
  std::size_t size() const { return nodes_.size(); }

 private:
  TempDir dir_;
  std::vector<std::unique_ptr<RedisServer>> nodes_;
};

/// One sentinel that watches the primary on a loopback port under the name "orgs-cache" and fails
/// it over by itself, half a second after it fell silent.
class RedisSentinel {
 public:
  explicit RedisSentinel(int primary_port, const std::string& more_configuration = "");
  std::string url() const { return "redis://127.0.0.1:" + std::to_string(port_); }
  std::string Cli(std::vector<std::string> command) const;

 private:
  TempDir dir_;
  int port_;
  std::unique_ptr<Process> process_;
};

}  // namespace tierwatch
