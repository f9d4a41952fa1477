// tierwatch as a process, with its state in a folder of its own, for live tests.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <csignal>
#include <optional>
#include <string>
#include <vector>

#include "base/http_client.h"
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
  receivers: [{{name: r, webhook_configs: [{{url: "{}", timeout: 5s}}]}}]
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
  /// Another text for one that the configuration has.
  void Change(const std::string& what, const std::string& with) {
    std::string text = ReadFile(config_);
    ASSERT_NE(text.find(what), std::string::npos) << what;
    Write("tierwatch.yml", text.replace(text.find(what), what.size(), with));
  }
  /// A file beside the configuration.
  void Write(const std::string& name, const std::string& text) const { dir_.Write(name, text); }
  /// The status and the body of an answer; status 0 where there is none.
  HttpResponse Post(const std::string& path, const std::string& body = "") const {
    return Ask("POST", path, body);
  }
  HttpResponse Get(const std::string& path) const { return Ask("GET", path, ""); }
  int Reload() const { return Post("/-/reload").status; }
  pid_t pid() const { return process_->pid(); }
  std::string Output() const { return process_->Output(); }
  std::string url() const { return fmt::format("http://127.0.0.1:{}", port_); }
  const std::string& config() const { return config_; }

 private:
  HttpResponse Ask(const std::string& method, const std::string& path,
                   const std::string& body) const {
    HttpRequest request;
    request.method = method;
    request.url = url() + path;
    request.headers = {{"Content-Type", "application/json"}};
    request.body = body;
    Result<HttpResponse> answer = HttpClient(HttpOptions{}).Send(request);
    return answer.ok() ? *std::move(answer) : HttpResponse{};
  }
  const TempDir dir_;
  const int port_ = FreePort();
  std::string config_;
  std::optional<Process> process_;
};

}  // namespace tierwatch
