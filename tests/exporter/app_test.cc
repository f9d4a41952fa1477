// A whole process in memory: sampled targets come out at /metrics.
#include "exporter/app.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "base/http_client.h"
#include "tests/support/process.h"

namespace tierwatch {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

// Gives one gauge, or takes its whole time.
class Source final : public Collector {
 public:
  Source(std::atomic<bool>& hangs, std::atomic<int>& hanging) : hangs_(hangs), hanging_(hanging) {}
  Sample Collect(const SampleContext& context) override {
    ++hanging_;
    while (hangs_ && !context.stop.stop_requested()) std::this_thread::sleep_for(Millis(5));
    --hanging_;
    Sample sample;
    sample.families.push_back(
        {"tierwatch_test_value", "Test.", prometheus::MetricType::Gauge, {{}}});
    return sample;
  }

 private:
  std::atomic<bool>& hangs_;
  std::atomic<int>& hanging_;
};

class AppTest : public testing::Test {
 protected:
  void Start() {
    Config config;
    config.web.listen_address = "127.0.0.1:0";
    for (const char* name : {"a:1", "b:2"}) {
      WatchedTarget target;
      target.collector = "test";
      target.labels = Labels{{"service", "s"}, {"target", name}};
      target.interval = target.timeout = Millis(100);
      target.source = std::make_unique<Source>(hangs_, hanging_);
      config.targets.push_back(std::move(target));
    }
    auto app = App::Start(std::move(config), clock_, *logger_);
    ASSERT_TRUE(app.ok()) << app.error().message;
    app_ = *std::move(app);
  }

  HttpResponse Get(const std::string& path, const std::string& encoding = "") {
    HttpRequest request;
    request.url = "http://127.0.0.1:" + std::to_string(app_->port()) + path;
    if (!encoding.empty()) request.headers = {{"Accept-Encoding", encoding}};
    auto response = HttpClient({}).Send(request);
    return response.ok() ? *response : HttpResponse{};
  }

  std::atomic<bool> hangs_ = false;
  std::atomic<int> hanging_ = 0;
  SystemClock clock_;
  std::unique_ptr<Logger> logger_ = MakeNullLogger();
  std::unique_ptr<App> app_;
};

TEST_F(AppTest, ServesWhatItSampled) {
  Start();
  ASSERT_TRUE(WaitUntil([&] { return app_->ready(); }));
  EXPECT_EQ(Get("/-/healthy").status, 200);
  EXPECT_EQ(Get("/-/ready").status, 200);
  const HttpResponse page = Get("/metrics");
  EXPECT_EQ(page.headers.at("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_THAT(page.body, HasSubstr("tierwatch_test_value{service=\"s\",target=\"a:1\"} 0\n"
                                   "tierwatch_test_value{service=\"s\",target=\"b:2\"} 0\n"));
  EXPECT_TRUE(WaitUntil(
      [&] { return Get("/metrics").body.find("tierwatch_targets 2\n") != std::string::npos; }));
  const HttpResponse packed = Get("/metrics", "gzip");
  EXPECT_EQ(packed.headers.at("content-encoding"), "gzip");
  EXPECT_THAT(packed.body, HasSubstr("tierwatch_test_value"));
}

TEST_F(AppTest, IsNotReadyBeforeTheFirstSamplings) {
  hangs_ = true;
  Start();
  EXPECT_EQ(Get("/-/ready").status, 503);
  EXPECT_EQ(Get("/metrics").status, 200);
  hangs_ = false;
  EXPECT_TRUE(WaitUntil([&] { return Get("/-/ready").status == 200; }));
}

TEST_F(AppTest, StopsThoughATargetHangs) {
  hangs_ = true;
  Start();
  ASSERT_TRUE(WaitUntil([&] { return hanging_ == 2; }));
  app_.reset();  // for ever, if it waited for them
  EXPECT_EQ(hanging_, 0);
}

TEST_F(AppTest, AReloadTakesTargetsWholeOrNotAtAll) {
  const TempDir dir;
  const auto write = [&](const std::string& targets) {
    return dir.Write("tw.yml",
                     "global: {sample_interval: 100ms, sample_timeout: 100ms}\n"
                     "web: {listen_address: '127.0.0.1:0'}\n"
                     "collectors: {cache_health: [{service: s, targets: [" +
                         targets + "]}]}\n");
  };
  // Nobody listens there: each is down, and that is a series.
  CollectorResources resources;
  Diagnostics diagnostics;
  auto config =
      ReadConfigFile(write("'http://127.0.0.1:1', 'http://127.0.0.1:2'"), resources, diagnostics);
  ASSERT_TRUE(config) << diagnostics.ToString();
  auto app = App::Start(*std::move(config), clock_, *logger_);
  ASSERT_TRUE(app.ok()) << app.error().message;
  app_ = *std::move(app);
  const auto watched = [&](const std::string& path) {
    const std::string body = Get(path).body;
    std::string which;
    for (const char* port : {"1", "2", "3"}) {
      if (body.find("127.0.0.1:" + std::string(port) + "\"") != std::string::npos) which += port;
    }
    return which;
  };
  const std::string query = "/api/v1/query?query=tierwatch_target_up";
  ASSERT_TRUE(WaitUntil([&] { return watched(query) == "12" && watched("/metrics") == "12"; }));
  write("'http://127.0.0.1:2', 'http://127.0.0.1:3'");
  ASSERT_TRUE(app_->Reload().ok());
  EXPECT_THAT(watched(query), Not(HasSubstr("1"))) << "its series have ended";
  EXPECT_THAT(watched("/metrics"), AllOf(HasSubstr("2"), Not(HasSubstr("1"))));
  EXPECT_TRUE(WaitUntil([&] { return watched(query) == "23" && watched("/metrics") == "23"; }));
  write("'http://127.0.0.1:1', 17");
  EXPECT_FALSE(app_->Reload().ok());
  EXPECT_EQ(watched(query), "23");
  EXPECT_THAT(
      Get("/api/v1/query?query=sum(resets(tierwatch_target_errors_total{target=~%22.*2%22}[1m]))")
          .body,
      HasSubstr(",\"0\"]"));
}

TEST_F(AppTest, RefusesAStorageThatCanNotBeWritten) {
  Config config;
  config.web.listen_address = "127.0.0.1:0";
  config.storage_path = "/proc/tierwatch";
  const auto app = App::Start(std::move(config), clock_, *logger_);
  ASSERT_FALSE(app.ok());
  EXPECT_THAT(app.error().message, HasSubstr("storage.path /proc/tierwatch: "));
}

}  // namespace
}  // namespace tierwatch
