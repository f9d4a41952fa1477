// Programs that a test starts, watches and ends by their process id, and the free ports that they
// listen on.
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "tests/support/files.h"

namespace tierwatch {

/// A running program. Its output (stdout and stderr) goes to a file of its own. The destructor
/// kills it, and the kernel does where the test itself is killed. A program that can't be started
/// fails the test.
class Process {
 public:
  /// `arguments[0]` is looked up in PATH. `environment` ("NAME=value") is added to the test's own.
  explicit Process(std::vector<std::string> arguments, std::vector<std::string> environment = {});
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  bool Running();
  void Signal(int signal) const;
  /// The exit status, 128 + signal where a signal ended it, nothing where it still runs after
  /// `timeout`.
  std::optional<int> Wait(Millis timeout);
  /// SIGTERM, then SIGKILL after `patience`.
  void Stop(Millis patience = Millis{5'000});
  /// Everything that it has printed so far.
  std::string Output() const;

 private:
  TempDir dir_;
  pid_t pid_ = -1;
  std::optional<int> status_;
};

struct ProcessResult {
  int status = 0;
  std::string output;
};
/// Runs a program to its end.
ProcessResult RunProcess(std::vector<std::string> arguments, Millis timeout = Millis{30'000});

/// A loopback TCP port that nobody listens on now.
int FreePort();
/// True as soon as 127.0.0.1:port accepts a connection.
bool WaitForPort(int port, Millis timeout = Millis{10'000});
/// Asks `condition` every 10 ms until it holds; false after `timeout`.
bool WaitUntil(const std::function<bool()>& condition, Millis timeout = Millis{10'000});

}  // namespace tierwatch
