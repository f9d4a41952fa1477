// The program as people call it: exit statuses and what it says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <set>

#include "exporter/metric_table.h"
#include "tests/support/files.h"
#include "tests/support/process.h"

namespace tierwatch {
namespace {

using testing::HasSubstr;

ProcessResult Tierwatch(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), TIERWATCH_BINARY);
  return RunProcess(std::move(arguments));
}

TEST(CommandLine, WrongUsageIsTwo) {
  EXPECT_EQ(Tierwatch({}).status, 2);
  EXPECT_EQ(Tierwatch({"nonsense"}).status, 2);
  EXPECT_EQ(Tierwatch({"run"}).status, 2);
  EXPECT_EQ(Tierwatch({"--log.level", "loud", "metrics"}).status, 2);
  EXPECT_EQ(Tierwatch({"--help"}).status, 0);
  EXPECT_THAT(Tierwatch({"--version"}).output, HasSubstr("tierwatch 0."));
}

TEST(CommandLine, AWrongConfigurationIsOneAndSaysWhere) {
  const TempDir dir;
  const std::string bad =
      dir.Write("bad.yml", "global: {}\nwebb: {}\nstorage: {retention: soon}\n");
  for (const auto& arguments : {std::vector<std::string>{"check", "config", bad},
                                std::vector<std::string>{"run", "--config", bad}}) {
    const ProcessResult result = Tierwatch(arguments);
    EXPECT_EQ(result.status, 1);
    EXPECT_THAT(result.output, HasSubstr("bad.yml:2:1: unknown key"));
    EXPECT_THAT(result.output, HasSubstr("bad.yml:3:"));
  }
  EXPECT_EQ(Tierwatch({"check", "config", dir.path() + "/absent.yml"}).status, 1);
  EXPECT_EQ(Tierwatch({"check", "config", dir.Write("good.yml", "global: {}\n")}).status, 0);
}

TEST(CommandLine, RunServesUntilSigtermAndAPortInUseIsTold) {
  const TempDir dir;
  const int port = FreePort();
  const std::string config =
      dir.Write("tw.yml", "web: {listen_address: \"127.0.0.1:" + std::to_string(port) + "\"}\n");
  Process first({TIERWATCH_BINARY, "run", "--config", config});
  ASSERT_TRUE(WaitForPort(port)) << first.Output();
  const ProcessResult second = Tierwatch({"run", "--config", config});
  EXPECT_EQ(second.status, 1);
  EXPECT_THAT(second.output, HasSubstr("ddress already in use"));
  first.Signal(SIGTERM);
  EXPECT_EQ(first.Wait(Millis(10'000)), 0) << first.Output();
}

TEST(CommandLine, MetricsPrintsTheWholeTable) {
  const std::string output = Tierwatch({"metrics"}).output;
  for (const MetricRow& row : AllMetrics()) EXPECT_THAT(output, HasSubstr(row.info.name));
  EXPECT_EQ(Tierwatch({"metrics", "--markdown"}).output, MetricTableMarkdown());
}

TEST(MetricTable, NamesFollowTheRules) {
  std::set<std::string_view> seen;
  for (const MetricRow& row : AllMetrics()) {
    EXPECT_TRUE(row.info.name.starts_with("tierwatch_")) << row.info.name;
    EXPECT_TRUE(seen.insert(row.info.name).second) << row.info.name << " is declared twice";
    EXPECT_FALSE(row.info.help.empty()) << row.info.name;
    EXPECT_EQ(row.info.name.ends_with("_total"), row.info.type == prometheus::MetricType::Counter)
        << row.info.name;
    for (const std::string_view label : row.info.labels) {
      EXPECT_TRUE(label != "job" && label != "instance") << row.info.name;
    }
  }
}

}  // namespace
}  // namespace tierwatch
