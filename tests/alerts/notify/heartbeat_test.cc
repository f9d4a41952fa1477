#include "alerts/notify/heartbeat.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "tests/support/http_sink.h"
#include "tests/support/process.h"

namespace tierwatch {
namespace {

HeartbeatConfig Config(const std::string& url, Millis interval) {
  HeartbeatConfig config;
  config.url.value = url;
  config.interval = interval;
  return config;
}

TEST(HeartbeatTest, BeatsWhileAllIsWellAndOnlyThen) {
  HttpSink sink;
  std::atomic<int> asked = 0;
  SystemClock clock;
  const auto logger = MakeNullLogger();
  prometheus::Registry registry;
  const auto ailment = [&]() -> std::string {
    const int turn = ++asked;
    return turn == 2 || turn == 3 ? "sampling stands still" : "";
  };
  {
    Heartbeat heartbeat(Config(sink.Url("/beat"), Millis{5}), ailment, clock, *logger, registry);
    ASSERT_TRUE(WaitUntil([&] { return asked >= 6; }));
    EXPECT_GT(registry.Collect()[0].metric[0].gauge.value, 1.7e9);
  }
  // The last one may have been cut off by the end.
  EXPECT_THAT(sink.Requests().size(), testing::AnyOf(asked - 2, asked - 3));
  EXPECT_EQ(sink.Requests()[0].path, "/beat");
  for (const auto& family : registry.Collect())
    EXPECT_TRUE(family.metric.empty()) << "there is no heartbeat any more";
}

TEST(HeartbeatTest, AnAnswerOtherThan2xxIsNoSuccess) {
  HttpSink sink;
  sink.Script({{.status = 500}, {.status = 404}});
  SystemClock clock;
  const auto logger = MakeNullLogger();
  prometheus::Registry registry;
  const Heartbeat heartbeat(
      Config(sink.Url(), std::chrono::hours(1)), [] { return std::string(); }, clock, *logger,
      registry);
  ASSERT_TRUE(sink.WaitForRequests(1));
  EXPECT_EQ(registry.Collect()[0].metric[0].gauge.value, 0);
  prometheus::Registry another;
  const Heartbeat next(
      Config(sink.Url(), std::chrono::hours(1)), [] { return std::string(); }, clock, *logger,
      another, 1.5);
  ASSERT_TRUE(sink.WaitForRequests(2));
  EXPECT_EQ(another.Collect()[0].metric[0].gauge.value, 1.5) << "it says what the former one knew";
}

TEST(HeartbeatTest, ItsConfigurationIsRead) {
  const auto read = [](std::string_view yaml) {
    Diagnostics diagnostics;
    const auto node = YamlNode::Parse(yaml, "h.yml", diagnostics);
    const HeartbeatConfig config = ReadHeartbeat(node.value(), {}, diagnostics);
    return diagnostics.ToString().empty()
               ? config.url.value + " " + std::to_string(config.interval.count())
               : diagnostics.ToString();
  };
  EXPECT_EQ(read("{url: 'http://h/x', interval: 2m}"), "http://h/x 120000");
  EXPECT_EQ(read("{url: 'http://h/x'}"), "http://h/x 60000");
  EXPECT_EQ(read("{interval: 1m}"), "h.yml:1:1: heartbeat: url or url_file is missing\n");
  EXPECT_EQ(read("{url: 'ftp://h'}"),
            "h.yml:1:2: url: expected http://host[:port]/path or https://…\n");
  EXPECT_EQ(read("{url: 'http://h', interval: 10ms}"), "h.yml:1:19: interval: expected 1s to 1d\n");
}

}  // namespace
}  // namespace tierwatch
