#include "collectors/client/resolve.h"

#include <fmt/format.h>
#include <netdb.h>
#include <sys/un.h>

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

namespace tierwatch {
namespace {

using Addresses = Result<std::vector<SocketAddress>>;

Addresses Ask(const std::string& host, int port, int flags) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV | flags;
  addrinfo* found = nullptr;
  const int code = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (code != 0) return Error{fmt::format("{}: {}", host, ::gai_strerror(code)), Reason::kConnect};
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
  std::vector<SocketAddress> addresses;
  for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
    SocketAddress& address = addresses.emplace_back();
    address.size = std::min<socklen_t>(at->ai_addrlen, sizeof address.storage);
    std::memcpy(&address.storage, at->ai_addr, address.size);
  }
  return addresses;
}

struct Question {
  std::mutex mutex;
  std::condition_variable_any answered;
  std::optional<Addresses> answer;
};

}  // namespace

Addresses Resolve(const std::string& host, int port, const Deadline& deadline) {
  if (Addresses numeric = Ask(host, port, AI_NUMERICHOST); numeric.ok()) return numeric;
  const auto question = std::make_shared<Question>();
  std::thread([question, host, port] {
    Addresses answer = Ask(host, port, 0);
    const std::lock_guard lock(question->mutex);
    question->answer.emplace(std::move(answer));
    question->answered.notify_all();
  }).detach();
  std::unique_lock lock(question->mutex);
  question->answered.wait_for(lock, deadline.stop, std::max(deadline.Left(), Millis{0}),
                              [&] { return question->answer.has_value(); });
  if (question->answer) return *question->answer;
  if (deadline.stop.stop_requested()) return Error{"cancelled", Reason::kOther};
  return Error{fmt::format("{}: name resolution timed out", host), Reason::kTimeout};
}

Addresses UnixAddress(const std::string& path) {
  sockaddr_un unix_address{};
  if (path.size() >= sizeof unix_address.sun_path)
    return Error{fmt::format("{}: over 107 bytes, too long for a Unix socket", path),
                 Reason::kConnect};
  unix_address.sun_family = AF_UNIX;
  path.copy(unix_address.sun_path, path.size());
  SocketAddress address;
  address.size = sizeof unix_address;
  std::memcpy(&address.storage, &unix_address, sizeof unix_address);
  return Addresses({address});
}

}  // namespace tierwatch
