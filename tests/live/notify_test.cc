// Alertmanager's own tool against tierwatch, and tierwatch's own commands.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/live/program.h"
#include "tests/support/http_sink.h"

namespace tierwatch {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(NotifyLiveTest, AmtoolSilencesAndSoDoWe) {
  if (!std::filesystem::exists("/usr/bin/amtool")) GTEST_SKIP() << "no amtool here";
  HttpSink sink;
  Program program(
      "groups:\n- name: g\n  interval: 1s\n  rules:\n  - {alert: Up, expr: vector(1)}\n",
      sink.Url());
  program.Start();
  ASSERT_TRUE(sink.WaitForRequests(1));
  const auto amtool = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(),
                     {"amtool", "--no-version-check", "--alertmanager.url=" + program.url()});
    const ProcessResult result = RunProcess(arguments);
    EXPECT_EQ(result.status, 0) << result.output;
    return result.output;
  };
  EXPECT_THAT(amtool({"alert", "query"}), HasSubstr("Up"));
  std::string id = amtool({"silence", "add", "alertname=Up", "--comment=why", "--author=me"});
  id.erase(id.find_last_not_of(" \n") + 1);
  EXPECT_THAT(amtool({"silence", "query"}), HasSubstr("alertname=\"Up\""));
  EXPECT_THAT(amtool({"alert", "query", "--active"}), Not(HasSubstr("Up")));
  EXPECT_THAT(amtool({"alert", "query", "--silenced"}), HasSubstr("Up"));
  program.Kill();
  program.Start();
  const auto tierwatch = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), TIERWATCH_BINARY);
    return RunProcess(arguments);
  };
  const ProcessResult list = tierwatch({"silence", "list", "--url", program.url()});
  EXPECT_THAT(list.output, HasSubstr(id));
  EXPECT_THAT(list.output, HasSubstr("alertname=\"Up\"  me: why"));
  amtool({"silence", "expire", id});
  EXPECT_EQ(tierwatch({"silence", "list", "--url", program.url()}).output, "");
  const ProcessResult added =
      tierwatch({"silence", "add", "alertname=~\"U.*\"", "--duration", "2h", "--author", "me",
                 "--comment", "c", "--url", program.url()});
  EXPECT_EQ(added.status, 0) << added.output;
  EXPECT_THAT(amtool({"silence", "query"}), HasSubstr("alertname=~\"U.*\""));
  const ProcessResult sent = tierwatch({"notifications", "--url", program.url()});
  EXPECT_THAT(sent.output, HasSubstr("delivered  r/webhook[0]  {}:{alertname=\"Up\""));
  EXPECT_THAT(sent.output, HasSubstr("(HTTP 200 at "));
  const ProcessResult test = tierwatch({"test", "receivers", "--config", program.config()});
  EXPECT_EQ(test.status, 0);
  EXPECT_EQ(test.output, "r/webhook[0]: delivered: HTTP 200\n");
  EXPECT_THAT(sink.Requests().back().body, HasSubstr("TierwatchTestPage"));
}

}  // namespace
}  // namespace tierwatch
