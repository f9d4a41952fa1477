// Our rules, exported for Prometheus, pass Debian's promtool and fire in it as they do in
// tierwatch.
#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/support/process.h"

namespace tierwatch {
namespace {

TEST(RuleUnitTests, PromtoolAgreesOnTheExportedRules) {
  if (std::system("promtool --version >/dev/null 2>&1") != 0) GTEST_SKIP() << "no promtool";
  const TempDir dir;
  for (const char* name : {"cache.yml", "database.yml", "redis.yml"}) {
    const std::string file(name);
    const ProcessResult exported =
        RunProcess({TIERWATCH_BINARY, "rules", "export", SourcePath("rules/" + file)});
    ASSERT_EQ(exported.status, 0) << exported.output;
    const std::string rules = dir.Write(file, exported.output);
    const std::string test =
        dir.Write("tests/" + file, ReadFile(SourcePath("rules/tests/" + file)));
    const ProcessResult checked = RunProcess({"promtool", "check", "rules", rules});
    EXPECT_EQ(checked.status, 0) << checked.output;
    const ProcessResult tested = RunProcess({"promtool", "test", "rules", test});
    EXPECT_EQ(tested.status, 0) << tested.output;
    const ProcessResult ours = RunProcess({TIERWATCH_BINARY, "test", "rules", test});
    EXPECT_EQ(ours.status, 0) << ours.output;
  }
}

}  // namespace
}  // namespace tierwatch
