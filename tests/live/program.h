// tierwatch as a process, with its state in a folder of its own, for live tests.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <csignal>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/files.h"
#include "tests/support/process.h"

namespace tierwatch {

class Program {
 public:
  /// `config` says nothing of where it listens and keeps its state.
  explicit Program(const std::string& config) {
    config_ = dir_.Write("tierwatch.yml", fmt::format(R"(
storage: {{path: "{}/state"}}
web: {{listen_address: "127.0.0.1:{}"}}
{})",
                                                      dir_.path(), port_, config));
  }
  /// Pages `url`, one group for each value of the label `n`. `more` is added to the configuration.
  Program(const std::string& rules, const std::string& url, const std::string& more = "")
      : Program(fmt::format(R"(
rule_files: [rules.yml]
alerting:
  route: {{receiver: r, group_by: [alertname, n], group_wait: 0s, group_interval: 1s}}
  receivers: [{{name: r, webhook_configs: [{{url: "{}", timeout: 2s}}]}}]
{})",
                            url, more)) {
    dir_.Write("rules.yml", rules);
  }
  void Start() {
    process_.emplace(std::vector<std::string>{TIERWATCH_BINARY, "run", "--config", config_});
    EXPECT_TRUE(WaitForPort(port_, Millis{60'000})) << process_->Output();
  }
  void Kill() {
    process_->Signal(SIGKILL);
    process_->Wait(Millis{10'000});
    process_.reset();
  }
  pid_t pid() const { return process_->pid(); }
  std::string Output() const { return process_->Output(); }
  std::string url() const { return fmt::format("http://127.0.0.1:{}", port_); }
  const std::string& config() const { return config_; }

 private:
  const TempDir dir_;
  const int port_ = FreePort();
  std::string config_;
  std::optional<Process> process_;
};

}  // namespace tierwatch
