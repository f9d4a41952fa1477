// A real redis-server for tests, on a free loopback port, without persistence.
#pragma once

#include <signal.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/support/certificates.h"
#include "tests/support/process.h"

namespace tierwatch {

/// Runs from construction on; ended by its process id. A server that does not start fails the test.
class RedisServer {
 public:
  /// `arguments` are added to redis-server's command line: {"--maxmemory", "10mb"}.
  explicit RedisServer(std::vector<std::string> arguments = {});

  int port() const { return port_; }
  std::string url() const { return "redis://127.0.0.1:" + std::to_string(port_); }
  Process& process() { return *process_; }

  /// Starts it again on the same port, empty.
  void Start();
  void Stop() { process_->Stop(); }
  /// Accepts connections and answers nothing, as a machine that swaps to death does.
  void Freeze() { process_->Signal(SIGSTOP); }
  void Thaw() { process_->Signal(SIGCONT); }
  /// What redis-cli prints for a command; `options` are redis-cli's own: {"--user", "x", "--pass",
  /// "y"}.
  std::string Cli(std::vector<std::string> command, std::vector<std::string> options = {}) const;

 private:
  TempDir dir_;
  int port_;
  std::vector<std::string> arguments_;
  std::unique_ptr<Process> process_;
};

/// The arguments that make redis-server speak TLS as well on `port`, asking for client certificates
/// or not.
std::vector<std::string> RedisTlsArguments(const Certificates& certificates, int port,
                                           bool client_certificates);

}  // namespace tierwatch
