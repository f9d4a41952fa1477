#include "tests/live/promql_differential/prometheus_server.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "tests/live/promql_differential/remote_write.h"

namespace tierwatch {
namespace {

std::string FormEncoded(std::string_view text) {
  std::string encoded;
  for (const char c : text)
    encoded += std::isalnum(static_cast<unsigned char>(c)) != 0
                   ? std::string(1, c)
                   : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  return encoded;
}

std::string Seconds(TimestampMs time) { return fmt::format("{}.{:03}", time / 1000, time % 1000); }

}  // namespace

bool PrometheusServer::Exists() { return std::filesystem::exists("/usr/bin/prometheus"); }

PrometheusServer::PrometheusServer()
    : process_({"prometheus", "--config.file=" + dir_.Write("prometheus.yml", "global: {}\n"),
                "--storage.tsdb.path=" + dir_.path() + "/data",
                "--storage.tsdb.retention.time=100y",
                fmt::format("--web.listen-address=127.0.0.1:{}", port_),
                // 5m without its left edge, which 3.0 no longer looks at (#13904).
                "--query.lookback-delta=299999ms", "--web.enable-remote-write-receiver",
                "--enable-feature=native-histograms,promql-at-modifier,promql-negative-offset"}) {
  const bool ready = WaitUntil([this] {
    HttpRequest request;
    request.url = fmt::format("http://127.0.0.1:{}/-/ready", port_);
    const Result<HttpResponse> response = client_.Send(request);
    return (response.ok() && response->status == 200) || !process_.Running();
  });
  EXPECT_TRUE(ready && process_.Running()) << process_.Output();
}

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
  request.url = fmt::format("http://127.0.0.1:{}/api/v1/write", port_);
  request.headers = {{"Content-Type", "application/x-protobuf"},
                     {"Content-Encoding", "snappy"},
                     {"X-Prometheus-Remote-Write-Version", "0.1.0"}};
  request.body = EncodeRemoteWrite(samples);
  const Result<HttpResponse> response = client_.Send(request);
  ASSERT_TRUE(response.ok()) << response.error().message;
  ASSERT_EQ(response->status / 100, 2) << response->body << process_.Output();
}

Answer PrometheusServer::Ask(const Question& question) {
  HttpRequest request;
  request.method = "POST";
  request.url = fmt::format("http://127.0.0.1:{}/api/v1/{}", port_,
                            question.IsRange() ? "query_range" : "query");
  request.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
  request.body = "query=" + FormEncoded(question.text);
  if (question.IsRange()) {
    request.body += fmt::format("&start={}&end={}&step={}", Seconds(question.start),
                                Seconds(question.end), Seconds(question.step.count()));
  } else {
    request.body += "&time=" + Seconds(question.start);
  }
  const Result<HttpResponse> response = client_.Send(request);
  if (!response.ok()) return {"no answer: " + response.error().message, {}, {}, {}};
  return ParseAnswer(response->body);
}

}  // namespace tierwatch
