#include "tests/support/prometheus/prometheus_server.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "tests/support/prometheus/remote_write.h"

namespace tierwatch {
namespace {

std::string Configuration(const std::string& rule_file) {
  if (rule_file.empty()) return "global: {}\n";
  return fmt::format("rule_files: [\"{}\"]\n", rule_file);
}

}  // namespace

bool PrometheusServer::Exists() { return std::filesystem::exists("/usr/bin/prometheus"); }

PrometheusServer::PrometheusServer(const std::string& rule_file)
    : process_(
          {"prometheus", "--config.file=" + dir_.Write("prometheus.yml", Configuration(rule_file)),
           "--storage.tsdb.path=" + dir_.path() + "/data", "--storage.tsdb.retention.time=100y",
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
    WriteOnce(samples.first(count));
    samples = samples.subspan(count);
  }
}

void PrometheusServer::WriteOnce(std::span<const series::Sample> samples) {
  HttpRequest request;
  request.method = "POST";
  request.url = url() + "/api/v1/write";
  request.headers = {{"Content-Type", "application/x-protobuf"},
                     {"Content-Encoding", "snappy"},
                     {"X-Prometheus-Remote-Write-Version", "0.1.0"}};
  request.body = EncodeRemoteWrite(samples);
  const Result<HttpResponse> response = client_.Send(request);
  ASSERT_TRUE(response.ok()) << response.error().message;
  ASSERT_EQ(response->status / 100, 2) << response->body << process_.Output();
}

}  // namespace tierwatch
