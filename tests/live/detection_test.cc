// What goes is noticed when it goes: samplings and evaluations are an hour apart here, so that only
// the end of a connection can tell.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/http_sink.h"
#include "tests/support/postgres_server.h"
#include "tests/support/redis_server.h"

namespace tierwatch {
namespace {

class Detection : public testing::Test {
 protected:
  /// Starts tierwatch, which pages when `expr` has an answer, and waits until it is ready.
  void Start(const std::string& collectors, const std::string& expr) {
    dir_.Write("rules.yml",
               fmt::format("groups: [{{name: g, rules: [{{alert: Gone, expr: '{}'}}]}}]", expr));
    const std::string config =
        dir_.Write("tierwatch.yml", fmt::format(R"(
global: {{sample_interval: 1h, evaluation_interval: 1h}}
collectors: {{{}}}
rule_files: [rules.yml]
web: {{listen_address: "127.0.0.1:{}"}}
alerting:
  route: {{receiver: r, group_wait: 0s, group_interval: 100ms}}
  receivers: [{{name: r, webhook_configs: [{{url: "{}"}}]}}]
)",
                                                collectors, port_, sink_.Url()));
    process_.emplace(std::vector<std::string>{TIERWATCH_BINARY, "run", "--config", config});
    ASSERT_TRUE(WaitForPort(port_, Millis{60'000})) << process_->Output();
    ASSERT_TRUE(WaitUntil([&] {
      return RunProcess({"curl", "-fs", fmt::format("http://127.0.0.1:{}/-/ready", port_)})
                 .status == 0;
    }));
    EXPECT_TRUE(sink_.Requests().empty());
  }
  void ExpectPage(const std::string& words) {
    ASSERT_TRUE(sink_.WaitForRequests(1)) << process_->Output();
    EXPECT_THAT(sink_.Requests()[0].body, testing::HasSubstr(words));
  }

  HttpSink sink_;

 private:
  const TempDir dir_;
  const int port_ = FreePort();
  std::optional<Process> process_;
};

TEST_F(Detection, ARedisThatIsKilledPagesAtOnce) {
  RedisServer redis;
  Start(fmt::format("redis: [{{service: cache, targets: [\"{}\"]}}]", redis.url()),
        "tierwatch_redis_up == 0");
  redis.process().Signal(SIGKILL);
  ExpectPage(fmt::format("127.0.0.1:{}", redis.port()));
}

TEST_F(Detection, APostgresReplicaThatIsKilledPagesAtOnce) {
  TestPostgres primary;
  TestPostgres replica(primary, "rep1");
  Start(fmt::format("replicas: [{{service: db, primary: \"{}\", replicas: [\"{}\"], "
                    "expected_replicas: 1}}]",
                    primary.url(), replica.url()),
        "tierwatch_replicas_expected - on (service, target) (sum by (service, target) "
        "(tierwatch_replica_streaming) or on (service, target) 0 * tierwatch_replicas_expected) "
        "> 0");
  replica.process().Signal(SIGKILL);
  ExpectPage("\"Gone\"");
}

TEST_F(Detection, ABackendThatIsKilledPagesAtOnce) {
  auto backend = std::make_unique<HttpSink>();
  backend->Always("/cache/health", {.body = R"({"status": "healthy"})"});
  Start(fmt::format("cache_health: [{{service: orgs, targets: [\"{}\"]}}]", backend->Url("")),
        "tierwatch_target_up == 0");
  const std::string target = fmt::format("127.0.0.1:{}", backend->port());
  backend.reset();
  ExpectPage(target);
}

}  // namespace
}  // namespace tierwatch
