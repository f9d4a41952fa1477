// Real sockets: who hangs up is told once, who was let go of is not, whatever the owner closes.
#include "exporter/connection_watch.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "tests/support/process.h"

namespace tierwatch {
namespace {

class ConnectionWatchTest : public testing::Test {
 protected:
  ConnectionWatchTest() {
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends_), 0);
  }
  ~ConnectionWatchTest() override {
    for (const int end : ends_) ::close(end);
  }
  void Add(const void* owner) {
    watch_.Add(owner, ends_[0], [this] { ++hang_ups_; });
  }
  void HangUp() { ::shutdown(ends_[1], SHUT_RDWR); }
  // Long enough for the watch's thread to have had its say, for what must not come.
  static void Settle() { std::this_thread::sleep_for(Millis(50)); }

  int ends_[2];
  std::atomic<int> hang_ups_ = 0;
  ConnectionWatch watch_;
};

TEST_F(ConnectionWatchTest, TellsEveryOwnerOfAConnectionOnce) {
  int other = 0;
  Add(this);
  Add(&other);
  EXPECT_EQ(::write(ends_[1], "word", 4), 4);
  Settle();
  EXPECT_EQ(hang_ups_, 0) << "talk is no hang-up";
  HangUp();
  EXPECT_TRUE(WaitUntil([&] { return hang_ups_ == 2; }));
  Settle();
  EXPECT_EQ(hang_ups_, 2);
}

TEST_F(ConnectionWatchTest, AConnectionThatIsGoneAlreadyIsTold) {
  HangUp();
  Add(this);
  EXPECT_TRUE(WaitUntil([&] { return hang_ups_ == 1; }));
}

TEST_F(ConnectionWatchTest, OutlivesItsOwnersDescriptor) {
  Add(this);
  ::close(std::exchange(ends_[0], -1));
  Settle();
  EXPECT_EQ(hang_ups_, 0);
  HangUp();
  EXPECT_TRUE(WaitUntil([&] { return hang_ups_ == 1; }));
}

TEST_F(ConnectionWatchTest, TheSameConnectionIsWatchedAgainAndAgain) {
  for (int sample = 0; sample < 3; ++sample) {
    watch_.Forget(this);
    Add(this);
  }
  HangUp();
  EXPECT_TRUE(WaitUntil([&] { return hang_ups_ == 1; }));
}

TEST_F(ConnectionWatchTest, WhatIsForgottenIsNotTold) {
  int other = 0;
  Add(this);
  Add(&other);
  watch_.Forget(this);
  watch_.Forget(this);
  HangUp();
  EXPECT_TRUE(WaitUntil([&] { return hang_ups_ == 1; }));
  Settle();
  EXPECT_EQ(hang_ups_, 1);
  watch_.Add(this, -1, [this] { ++hang_ups_; });  // nothing to watch
}

}  // namespace
}  // namespace tierwatch
