#include "tests/support/http_sink.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

#include "tests/support/process.h"

namespace tierwatch {
namespace {

bool SendAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

std::string Lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  return text;
}

// As a proxy does once it has answered CONNECT. What the peer has said by now is in `early`.
void Tunnel(int fd, int port, std::string_view early) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  const int there = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (::connect(there, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
      SendAll(there, early)) {
    pollfd ends[] = {{fd, POLLIN, 0}, {there, POLLIN, 0}};
    const auto pass = [&ends](int from) {
      char chunk[8192];
      const ssize_t got = ::recv(ends[from].fd, chunk, sizeof chunk, 0);
      return got > 0 && SendAll(ends[1 - from].fd, {chunk, static_cast<std::size_t>(got)});
    };
    for (bool open = true; open && ::poll(ends, 2, -1) > 0;) {
      for (const int from : {0, 1}) open = open && (ends[from].revents == 0 || pass(from));
    }
  }
  ::close(there);
  ::shutdown(fd, SHUT_RDWR);
}

// Reads one request with a Content-Length; nothing at the end of the connection.
std::optional<SinkRequest> ReadRequest(int fd, std::string& buffer) {
  const auto more = [&] {
    char chunk[8192];
    const ssize_t got = ::recv(fd, chunk, sizeof chunk, 0);
    if (got > 0) buffer.append(chunk, static_cast<std::size_t>(got));
    return got > 0;
  };
  std::size_t head_end = 0;
  while ((head_end = buffer.find("\r\n\r\n")) == std::string::npos) {
    if (!more()) return std::nullopt;
  }
  SinkRequest request;
  const std::string head = buffer.substr(0, head_end + 2);
  const std::string first = head.substr(0, head.find("\r\n"));
  request.method = first.substr(0, first.find(' '));
  request.path =
      first.substr(request.method.size() + 1, first.rfind(' ') - request.method.size() - 1);
  for (std::size_t at = first.size() + 2; at < head.size();) {
    const std::size_t end = head.find("\r\n", at);
    const std::size_t colon = head.find(':', at);
    if (colon < end) {
      const std::size_t value = head.find_first_not_of(' ', colon + 1);
      request.headers[Lower(head.substr(at, colon - at))] = head.substr(value, end - value);
    }
    at = end + 2;
  }
  const auto length = request.headers.find("content-length");
  const std::size_t body = length == request.headers.end() ? 0 : std::stoul(length->second);
  while (buffer.size() < head_end + 4 + body) {
    if (!more()) return std::nullopt;
  }
  request.body = buffer.substr(head_end + 4, body);
  buffer.erase(0, head_end + 4 + body);
  return request;
}

}  // namespace

HttpSink::HttpSink(int port) : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  const int on = 1;
  ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  socklen_t size = sizeof address;
  EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(::listen(listener_, 64), 0);
  EXPECT_EQ(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { Listen(); });
}

HttpSink::~HttpSink() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    ::shutdown(listener_, SHUT_RDWR);
    for (const int fd : connections_) ::shutdown(fd, SHUT_RDWR);
  }
  thread_.join();
  for (std::thread& server : servers_) server.join();
  for (const int fd : connections_) ::close(fd);
  ::close(listener_);
}

std::string HttpSink::Url(const std::string& path) const {
  return fmt::format("http://127.0.0.1:{}{}", port_, path);
}

void HttpSink::Script(std::vector<SinkReply> replies) {
  const std::lock_guard lock(mutex_);
  script_.insert(script_.end(), replies.begin(), replies.end());
}

void HttpSink::Always(const std::string& path, SinkReply reply) {
  const std::lock_guard lock(mutex_);
  always_[path] = std::move(reply);
}

std::vector<SinkRequest> HttpSink::Requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

bool HttpSink::WaitForRequests(std::size_t count, Millis timeout) const {
  return WaitUntil([&] { return Requests().size() >= count; }, timeout);
}

void HttpSink::Listen() {
  while (true) {
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    const std::lock_guard lock(mutex_);
    connections_.push_back(fd);
    if (ending_) return;
    servers_.emplace_back([this, fd] { Serve(fd); });
  }
}

SinkReply HttpSink::Next(const SinkRequest& request) {
  const std::lock_guard lock(mutex_);
  SinkReply reply;
  if (const auto at = always_.find(request.path); at != always_.end()) {
    reply = at->second;
  } else if (!script_.empty()) {
    reply = std::move(script_.front());
    script_.pop_front();
  }
  requests_.push_back(request);
  const bool answers = !reply.hang && !reply.close && reply.raw.empty();
  requests_.back().answer = answers ? reply.status : 0;
  return reply;
}

void HttpSink::Serve(int fd) {
  std::string buffer;
  while (const std::optional<SinkRequest> request = ReadRequest(fd, buffer)) {
    const SinkReply reply = Next(*request);
    std::this_thread::sleep_for(reply.delay);
    if (reply.hang) {
      char byte = 0;
      while (::recv(fd, &byte, 1, 0) > 0) continue;
      return;
    }
    if (reply.close || !reply.raw.empty()) {
      SendAll(fd, reply.raw);
      ::shutdown(fd, SHUT_RDWR);
      return;
    }
    std::string answer = fmt::format("HTTP/1.1 {} Scripted\r\nContent-Length: {}\r\n", reply.status,
                                     reply.status == 204 ? 0 : reply.body.size());
    for (const auto& [name, value] : reply.headers) answer += name + ": " + value + "\r\n";
    if (!SendAll(fd, answer + "\r\n" + reply.body)) return;
    if (reply.tunnel_to != 0) return Tunnel(fd, reply.tunnel_to, buffer);
  }
}

}  // namespace tierwatch
