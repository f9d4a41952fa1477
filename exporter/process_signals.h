// The signals by which a process is told to stop or to reload.
#pragma once

#include <csignal>
#include <string_view>

#include "base/clock.h"

namespace tierwatch {

/// SIGTERM, SIGINT and SIGHUP, taken by whoever waits; SIGPIPE and SIGXFSZ are ignored. Made before
/// any thread is, so that all of them leave these signals alone.
class ProcessSignals {
 public:
  ProcessSignals();
  /// Waits for the next one: SIGTERM, SIGINT or SIGHUP.
  int Wait() const;
  /// True where one that stops comes within that time.
  bool StopCame(Millis within) const;

 private:
  sigset_t set_{};
};

/// "SIGTERM"
std::string_view SignalName(int signal);

}  // namespace tierwatch
