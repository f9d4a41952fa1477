// tierwatch as a process that pages, with its state in a folder of its own, for live tests.
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
  /// Pages `url`, one group for each value of the label `n`. `more` is added to the configuration.
  Program(const std::string& rules, const std::string& url, const std::string& more = "") {
    dir_.Write("rules.yml", rules);
    config_ = dir_.Write("tierwatch.yml", fmt::format(R"(
rule_files: [rules.yml]
storage: {{path: "{}/state"}}
web: {{listen_address: "127.0.0.1:{}"}}
alerting:
  route: {{receiver: r, group_by: [alertname, n], group_wait: 0s, group_interval: 1s}}
  receivers: [{{name: r, webhook_configs: [{{url: "{}", timeout: 2s}}]}}]
{})",
                                                      dir_.path(), port_, url, more));
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
