// The servers that other live tests stand on.
#include "tests/support/redis_server.h"

#include <gtest/gtest.h>

namespace tierwatch {
namespace {

TEST(RedisServer, StartsAnswersStopsAndStartsAgainOnItsPort) {
  RedisServer server;
  EXPECT_EQ(server.Cli({"PING"}), "PONG\n");
  server.Cli({"SET", "a", "1"});
  server.Stop();
  EXPECT_FALSE(WaitForPort(server.port(), Millis{0}));
  server.Start();
  EXPECT_EQ(server.Cli({"DBSIZE"}), "0\n");
}

TEST(Process, TellsTheExitStatusAndTheOutput) {
  const ProcessResult result = RunProcess({"sh", "-c", "echo out; echo err >&2; exit 3"});
  EXPECT_EQ(result.status, 3);
  EXPECT_EQ(result.output, "out\nerr\n");
  Process sleeper({"sleep", "60"});
  EXPECT_TRUE(sleeper.Running());
  sleeper.Signal(SIGKILL);
  EXPECT_EQ(sleeper.Wait(Millis{5'000}), 128 + SIGKILL);
}

}  // namespace
}  // namespace tierwatch
