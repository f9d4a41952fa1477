#include "collectors/client/socket_watchdog.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

namespace tierwatch {
namespace {

constexpr Millis kLookInterval{20};

}  // namespace

std::optional<std::uint64_t> BytesReceived(int socket) {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (::getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return std::nullopt;
  return info.tcpi_bytes_received;
}

// The time left is the caller's, whose clock may be a test's; the waiting is in real time.
SocketWatchdog::SocketWatchdog(int socket, Millis timeout, std::stop_token stop,
                               std::uint64_t max_bytes)
    : socket_(socket),
      deadline_(std::chrono::steady_clock::now() + timeout),
      max_bytes_(max_bytes),
      thread_([this, token = std::move(stop)] {
        const Verdict verdict = Watch(token);
        if (verdict == Verdict::kNone) return;
        verdict_ = verdict;
        ::shutdown(socket_, SHUT_RDWR);
      }) {}

SocketWatchdog::Verdict SocketWatchdog::Stop() {
  {
    const std::lock_guard lock(mutex_);
    done_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
  return verdict_;
}

SocketWatchdog::Verdict SocketWatchdog::Watch(std::stop_token stop) {
  const std::uint64_t before = BytesReceived(socket_).value_or(0);
  std::unique_lock lock(mutex_);
  while (true) {
    const auto look = std::min(deadline_, std::chrono::steady_clock::now() + kLookInterval);
    if (wake_.wait_until(lock, stop, look, [this] { return done_; })) return Verdict::kNone;
    if (stop.stop_requested()) return Verdict::kStopped;
    if (std::chrono::steady_clock::now() >= deadline_) return Verdict::kTimeout;
    if (BytesReceived(socket_).value_or(0) > before + max_bytes_) return Verdict::kTooMuch;
  }
}

}  // namespace tierwatch
