#include "tests/support/redis_server.h"

#include <gtest/gtest.h>
#include <signal.h>

namespace tierwatch {

RedisServer::RedisServer(std::vector<std::string> arguments)
    : port_(FreePort()), arguments_(std::move(arguments)) {
  Start();
}

void RedisServer::Start() {
  std::vector<std::string> command{
      "redis-server", "--bind", "127.0.0.1", "--port",    std::to_string(port_),
      "--save",       "",       "--dir",     dir_.path(), "--enable-debug-command",
      "yes"};
  command.insert(command.end(), arguments_.begin(), arguments_.end());
  process_ = std::make_unique<Process>(std::move(command));
  // The last line of its log comes when every listener is open, TLS's too.
  const bool ready = WaitUntil([this] {
    return process_->Output().find("Ready to accept connections") != std::string::npos ||
           !process_->Running();
  });
  EXPECT_TRUE(ready && process_->Running()) << process_->Output();
}

std::string RedisServer::Cli(std::vector<std::string> command,
                             std::vector<std::string> options) const {
  std::vector<std::string> words{"redis-cli", "-p", std::to_string(port_), "--no-auth-warning"};
  words.insert(words.end(), options.begin(), options.end());
  words.insert(words.end(), command.begin(), command.end());
  return RunProcess(std::move(words)).output;
}

std::vector<std::string> RedisTlsArguments(const Certificates& certificates, int port,
                                           bool client_certificates) {
  return {"--tls-port",         std::to_string(port),
          "--tls-cert-file",    certificates.server_cert(),
          "--tls-key-file",     certificates.server_key(),
          "--tls-ca-cert-file", certificates.ca(),
          "--tls-auth-clients", client_certificates ? "yes" : "no"};
}

}  // namespace tierwatch
