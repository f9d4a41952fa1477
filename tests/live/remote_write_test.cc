// Debian's Prometheus scrapes itself and writes what it saw to a running tierwatch: both answer
// queries equally.
#include <gtest/gtest.h>

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "base/http_client.h"
#include "tests/support/files.h"
#include "tests/support/process.h"

namespace tierwatch {
namespace {

class RemoteWriteLive : public testing::Test {
 protected:
  static std::string Loopback(int port) { return "127.0.0.1:" + std::to_string(port); }

  void Start() {
    const std::string config =
        dir_.Write("tierwatch.yml", fmt::format("storage: {{path: ':memory:'}}\n"
                                                "web: {{listen_address: '127.0.0.1:{}', "
                                                "remote_write: {{enabled: true}}}}\n",
                                                tierwatch_port_));
    tierwatch_ = std::make_unique<Process>(
        std::vector<std::string>{TIERWATCH_BINARY, "run", "--config", config});
    ASSERT_TRUE(WaitForPort(tierwatch_port_)) << tierwatch_->Output();
    const std::string scrape = dir_.Write(
        "prometheus.yml",
        fmt::format("global: {{scrape_interval: 1s}}\n"
                    "scrape_configs:\n- job_name: prometheus\n"
                    "  static_configs: [{{targets: ['127.0.0.1:{}']}}]\n"
                    "remote_write: [{{url: 'http://127.0.0.1:{}/api/v1/write', "
                    "queue_config: {{max_samples_per_send: 100, batch_send_deadline: 100ms}}}}]\n",
                    prometheus_port_, tierwatch_port_));
    prometheus_ = std::make_unique<Process>(std::vector<std::string>{
        "prometheus", "--config.file=" + scrape, "--storage.tsdb.path=" + dir_.path() + "/tsdb",
        "--web.listen-address=" + Loopback(prometheus_port_), "--log.level=warn"});
    ASSERT_TRUE(WaitForPort(prometheus_port_)) << prometheus_->Output();
  }

  nlohmann::json Query(int port, const std::string& expr, const std::string& time) {
    HttpRequest request;
    request.method = "POST";
    request.url = "http://" + Loopback(port) + "/api/v1/query";
    request.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
    request.body = "query=" + expr + "&time=" + time;
    const Result<HttpResponse> response = http_.Send(request);
    if (!response.ok()) return response.error().message;
    if (response->status != 200) return response->body;
    auto result = nlohmann::json::parse(response->body, nullptr, false)["data"]["result"];
    std::sort(result.begin(), result.end(),
              [](const auto& a, const auto& b) { return a["metric"].dump() < b["metric"].dump(); });
    return result;
  }

  TempDir dir_;
  HttpClient http_{HttpOptions{}};
  const int tierwatch_port_ = FreePort(), prometheus_port_ = FreePort();
  std::unique_ptr<Process> tierwatch_, prometheus_;
};

TEST_F(RemoteWriteLive, AnswersAsThePrometheusThatWrites) {
  if (!std::filesystem::exists("/usr/bin/prometheus"))
    GTEST_SKIP() << "prometheus is not installed";
  Start();
  // Both have five scrapes at least, and tierwatch the newest that is asked about.
  const auto scrapes = [&](int port) {
    const auto answer = Query(port, "timestamp(up)", std::to_string(std::time(nullptr)));
    return answer.is_array() && !answer.empty() ? answer[0]["value"][1].get<std::string>() : "";
  };
  std::string first;
  ASSERT_TRUE(
      WaitUntil([&] { return !(first = scrapes(tierwatch_port_)).empty(); }, Millis{60'000}))
      << prometheus_->Output();
  // Between two scrapes: at its left edge, a window of 2.42 has a sample more than those of 3.x.
  const double end = std::stod(first) + 6.5;
  ASSERT_TRUE(WaitUntil(
      [&] {
        const std::string newest = scrapes(tierwatch_port_);
        return !newest.empty() && std::stod(newest) > end;
      },
      Millis{60'000}))
      << prometheus_->Output();
  const std::string time = fmt::format("{:.3f}", end);
  for (const char* expr : {
           "{job=\"prometheus\"}",
           "sum_over_time(prometheus_tsdb_head_samples_appended_total[5s])",
           "max by (__name__) ({job=\"prometheus\"})",
           "rate(prometheus_http_requests_total[5s])",
           "histogram_quantile(0.9, sum by (le) "
           "(rate(prometheus_http_response_size_bytes_bucket[5s])))",
       }) {
    const nlohmann::json wanted = Query(prometheus_port_, expr, time);
    const nlohmann::json written = Query(tierwatch_port_, expr, time);
    ASSERT_TRUE(wanted.is_array() && !wanted.empty()) << expr << ": " << wanted;
    ASSERT_TRUE(written.is_array()) << expr << ": " << written;
    ASSERT_EQ(written.size(), wanted.size()) << expr;
    for (std::size_t i = 0; i < wanted.size(); ++i) EXPECT_EQ(written[i], wanted[i]) << expr;
  }
  // Nothing was lost on the way.
  const auto refused = Query(tierwatch_port_, "sum(tierwatch_remote_write_refused_samples_total)",
                             std::to_string(std::time(nullptr)));
  ASSERT_TRUE(refused.is_array() && refused.size() == 1) << refused;
  EXPECT_EQ(refused[0]["value"][1], "0");
  prometheus_->Stop();
  tierwatch_->Stop();
}

}  // namespace
}  // namespace tierwatch
