// The whole demo as a user starts it: four alerts fire and resolve at the embedded receiver.
#include <gtest/gtest.h>
#include <signal.h>

#include "tests/support/process.h"

namespace tierwatch {
namespace {

using namespace std::chrono_literals;

std::size_t Count(const std::string& text, const std::string& word) {
  std::size_t count = 0;
  for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1))
    ++count;
  return count;
}

TEST(Demo, FourAlertsFireAndResolve) {
  Process demo({TIERWATCH_BINARY, "demo", "--listen", "127.0.0.1:0", "--exit-after-script"});
  const std::optional<int> status = demo.Wait(240s);
  const std::string output = demo.Output();
  EXPECT_EQ(status, 0) << output;
  for (const char* alert : {"CacheBackendDown", "HighErrorRate", "HighLatency", "LowHitRate"}) {
    EXPECT_EQ(Count(output, std::string("FIRING    ") + alert), 1u) << alert << "\n" << output;
    EXPECT_EQ(Count(output, std::string("RESOLVED  ") + alert), 1u) << alert << "\n" << output;
  }
  EXPECT_NE(output.find("4 alerts fired and resolved"), std::string::npos) << output;
}

TEST(Demo, WithoutFaultsItIsQuietAndEndsOnSigterm) {
  Process demo({TIERWATCH_BINARY, "demo", "--listen", "127.0.0.1:0", "--faults", "none"});
  ASSERT_TRUE(WaitUntil([&] { return demo.Output().find("Ctrl-C") != std::string::npos; }, 30s));
  EXPECT_FALSE(WaitUntil([&] { return demo.Output().find("FIRING") != std::string::npos; }, 20s))
      << demo.Output();
  demo.Signal(SIGTERM);
  EXPECT_EQ(demo.Wait(10s), 0) << demo.Output();
}

TEST(Demo, APortInUseIsAClearError) {
  const std::string address = "127.0.0.1:" + std::to_string(FreePort());
  Process first({TIERWATCH_BINARY, "demo", "backend", "--listen", address});
  ASSERT_TRUE(WaitUntil([&] { return first.Output().find("/cache/health") != std::string::npos; }));
  const ProcessResult second = RunProcess({TIERWATCH_BINARY, "demo", "--listen", address});
  EXPECT_EQ(second.status, 1);
  EXPECT_NE(second.output.find(address), std::string::npos) << second.output;
  EXPECT_NE(second.output.find("--listen"), std::string::npos) << second.output;
  first.Signal(SIGINT);
  EXPECT_EQ(first.Wait(10s), 0);
}

TEST(Demo, AFaultScriptIsReadStrictly) {
  const TempDir dir;
  const std::string script =
      dir.Write("faults.yml", "faults:\n  - {at: 1s, for: 1s, fault: hot}\n");
  const ProcessResult result = RunProcess({TIERWATCH_BINARY, "demo", "--faults", script});
  EXPECT_EQ(result.status, 1);
  EXPECT_NE(result.output.find("faults.yml:2:"), std::string::npos) << result.output;
}

}  // namespace
}  // namespace tierwatch
