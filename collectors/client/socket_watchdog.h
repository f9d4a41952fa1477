// Ends a blocking exchange on a socket from outside: at a deadline, by a stop token, or when too
// much has come in.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>

#include "base/clock.h"

namespace tierwatch {

/// What a TCP connection has received so far; nothing where it is of another kind.
std::optional<std::uint64_t> BytesReceived(int socket);

/// libpqxx can bound neither the time nor the size of an exchange, and cancelling may hang by
/// itself; shutting the socket down ends any read on it at once. Watches from construction to Stop,
/// which must come before the socket is closed. One thread of its own.
class SocketWatchdog {
 public:
  enum class Verdict { kNone, kTimeout, kStopped, kTooMuch };

  /// `max_bytes` is judged every 20 ms and on TCP alone: a Unix socket's peer is this machine.
  SocketWatchdog(int socket, Millis timeout, std::stop_token stop, std::uint64_t max_bytes);
  ~SocketWatchdog() { Stop(); }
  SocketWatchdog(const SocketWatchdog&) = delete;
  SocketWatchdog& operator=(const SocketWatchdog&) = delete;

  /// Why the socket was shut down; kNone while it was not.
  Verdict verdict() const { return verdict_; }
  /// Ends the watching; the verdict is final then.
  Verdict Stop();

 private:
  Verdict Watch(std::stop_token stop);

  const int socket_;
  const std::chrono::steady_clock::time_point deadline_;
  const std::uint64_t max_bytes_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  bool done_ = false;  // guarded by mutex_
  std::atomic<Verdict> verdict_{Verdict::kNone};
  std::thread thread_;  // last: starts when everything else is there
};

}  // namespace tierwatch
