#include "tests/support/raw_server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <utility>

namespace tierwatch {
namespace {

// True as soon as `fd` can be read (or written); false where that is not so within 10 ms.
bool Ready(int fd, short events) {
  pollfd poll{fd, events, 0};
  return ::poll(&poll, 1, 10) > 0;
}
bool Readable(int fd) { return Ready(fd, POLLIN); }

// Never blocks: a peer that goes while its window is shut may be told of by TCP's next probe only,
// minutes later. False when the peer is gone or at the stop.
bool Send(int fd, std::string_view bytes, const std::stop_token& stop) {
  while (!bytes.empty()) {
    if (stop.stop_requested()) return false;
    if (!Ready(fd, POLLOUT)) continue;
    const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno != EAGAIN) return false;
    bytes.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(sent, 0)));
  }
  return true;
}

}  // namespace

RawServer::RawServer(RawAnswer answer) : answer_(std::move(answer)) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(::listen(listener_, 16), 0);
  EXPECT_EQ(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
  port_ = ntohs(address.sin_port);
  thread_ = std::jthread([this](std::stop_token stop) { Serve(std::move(stop)); });
}

RawServer::~RawServer() {
  thread_.request_stop();
  thread_.join();
  ::close(listener_);
}

void RawServer::Serve(std::stop_token stop) const {
  while (!stop.stop_requested()) {
    if (!Readable(listener_)) continue;
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    Answer(fd, stop);
    ::close(fd);
  }
}

void RawServer::Answer(int fd, std::stop_token stop) const {
  char request[4096];
  const auto receive = [&] {
    while (!stop.stop_requested() && !Readable(fd)) continue;
    return !stop.stop_requested() && ::recv(fd, request, sizeof request, 0) > 0;
  };
  if (answer_.after_request && !receive()) return;
  const std::string& greeting = answer_.greeting;
  if (!greeting.empty() && (!Send(fd, greeting, stop) || !receive())) return;
  const std::size_t piece = answer_.per_byte.count() > 0 ? 1 : answer_.bytes.size();
  do {
    for (std::size_t at = 0; at < answer_.bytes.size() && !stop.stop_requested(); at += piece) {
      if (!Send(fd, std::string_view(answer_.bytes).substr(at, piece), stop)) return;
      std::this_thread::sleep_for(answer_.per_byte);
    }
  } while (answer_.endless && !stop.stop_requested());
  // Until the peer is gone.
  while (!answer_.close && !stop.stop_requested()) {
    if (Readable(fd) && ::recv(fd, request, sizeof request, 0) <= 0) return;
  }
}

}  // namespace tierwatch
