#include "exporter/connection_watch.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <span>
#include <utility>

namespace tierwatch {

ConnectionWatch::ConnectionWatch()
    : epoll_(::epoll_create1(EPOLL_CLOEXEC)), wake_(::eventfd(0, EFD_CLOEXEC)) {
  epoll_event end{EPOLLIN, {.fd = wake_}};
  if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_, &end) != 0) return;
  thread_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
}

ConnectionWatch::~ConnectionWatch() {
  thread_.request_stop();
  ::eventfd_write(wake_, 1);
  if (thread_.joinable()) thread_.join();
  for (const auto& [socket, watched] : watched_) ::close(socket);
  ::close(wake_);
  ::close(epoll_);
}

// A duplicate, since only its own descriptor tells epoll apart who watches: collectors share
// connections, and a number that was closed may be another connection's by now.
void ConnectionWatch::Add(Owner owner, int socket, std::function<void()> hung_up) {
  const int copy = ::fcntl(socket, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) return;
  const std::lock_guard lock(mutex_);
  epoll_event event{EPOLLRDHUP | EPOLLONESHOT, {.fd = copy}};
  if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, copy, &event) != 0) {
    ::close(copy);
    return;
  }
  watched_[copy] = {owner, std::move(hung_up)};
  by_owner_[owner].push_back(copy);
}

void ConnectionWatch::Forget(Owner owner) {
  const std::lock_guard lock(mutex_);
  const auto sockets = by_owner_.find(owner);
  if (sockets == by_owner_.end()) return;
  for (const int socket : sockets->second) {
    // Closing is not enough: epoll goes on as long as the owner's descriptor is open.
    ::epoll_ctl(epoll_, EPOLL_CTL_DEL, socket, nullptr);
    ::close(socket);
    watched_.erase(socket);
  }
  by_owner_.erase(sockets);
}

void ConnectionWatch::Run(const std::stop_token& stop) {
  std::array<epoll_event, 64> events;
  while (!stop.stop_requested()) {
    const int count = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
    const std::lock_guard lock(mutex_);
    for (const epoll_event& event : std::span(events.data(), count > 0 ? count : 0)) {
      // It may have been let go of since; a number that was given out again is another's hang-up
      // too many, which costs one sample.
      const auto at = watched_.find(event.data.fd);
      if (at != watched_.end() && at->second.hung_up) std::exchange(at->second.hung_up, {})();
    }
  }
}

}  // namespace tierwatch
