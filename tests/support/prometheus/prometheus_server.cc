#include "tests/support/prometheus/prometheus_server.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "tests/support/prometheus/remote_write.h"

namespace tierwatch {
namespace {

std::string Configuration(const std::string& rule_files, const std::string& global) {
  const std::string rules = rule_files.empty() ? "" : '"' + rule_files + '"';
  return fmt::format("global: {}\nrule_files: [{}]\n", global, rules);
}

}  // namespace

bool PrometheusServer::Exists() { return std::filesystem::exists("/usr/bin/prometheus"); }

PrometheusServer::PrometheusServer(const std::string& rule_files, const std::string& global)
    : process_({"prometheus",
                "--config.file=" + dir_.Write("prometheus.yml", Configuration(rule_files, global)),
                "--storage.tsdb.path=" + dir_.path() + "/data",
                "--storage.tsdb.retention.time=100y",
                fmt::format("--web.listen-address=127.0.0.1:{}", port_),
                // 5m without its left edge, which 3.0 no longer looks at (#13904).
                "--query.lookback-delta=299999ms", "--web.enable-remote-write-receiver",
                "--enable-feature=native-histograms,promql-at-modifier,promql-negative-offset"}) {
  const bool ready = WaitUntil([this] {
    HttpRequest request;
    request.url = url() + "/-/ready";
    const Result<HttpResponse> response = client_.Send(request);
    return (response.ok() && response->status == 200) || !process_.Running();
  });
  EXPECT_TRUE(ready && process_.Running()) << process_.Output();
}

std::string PrometheusServer::url() const { return fmt::format("http://127.0.0.1:{}", port_); }

void PrometheusServer::Write(std::span<const series::Sample> samples) {
  while (!samples.empty()) {
    std::set<Labels> seen;
    std::size_t count = 0;
    while (count < samples.size() && seen.insert(samples[count].labels).second) ++count;
    const std::string refusal = PostRemoteWrite(url(), samples.first(count));
    ASSERT_EQ(refusal, "") << process_.Output();
    samples = samples.subspan(count);
  }
}

}  // namespace tierwatch
