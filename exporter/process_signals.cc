#include "exporter/process_signals.h"

#include <pthread.h>

namespace tierwatch {

ProcessSignals::ProcessSignals() {
  sigemptyset(&set_);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set_, signal);
  pthread_sigmask(SIG_BLOCK, &set_, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // a file over its limit is an error of that file
}

int ProcessSignals::Wait() const {
  int signal = 0;
  sigwait(&set_, &signal);
  return signal;
}

bool ProcessSignals::StopCame(Millis within) const {
  sigset_t stops;
  sigemptyset(&stops);
  sigaddset(&stops, SIGTERM);
  sigaddset(&stops, SIGINT);
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(within);
  const timespec pause{.tv_sec = seconds.count(),
                       .tv_nsec = std::chrono::nanoseconds(within - seconds).count()};
  return sigtimedwait(&stops, nullptr, &pause) > 0;
}

std::string_view SignalName(int signal) {
  return signal == SIGTERM ? "SIGTERM" : signal == SIGINT ? "SIGINT" : "SIGHUP";
}

}  // namespace tierwatch
