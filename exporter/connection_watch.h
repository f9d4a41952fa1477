// Tells when the peer of a connection that a target keeps between its samples hangs up.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

namespace tierwatch {

/// One thread for all connections, asleep in epoll. Thread-safe. Where the system gives no
/// descriptor for it, connections go unwatched.
class ConnectionWatch {
 public:
  /// Whose connections they are.
  using Owner = const void*;

  ConnectionWatch();
  ~ConnectionWatch();
  ConnectionWatch(const ConnectionWatch&) = delete;
  ConnectionWatch& operator=(const ConnectionWatch&) = delete;

  /// Watches a duplicate of `socket`, which its owner may close at any time. Once the peer has
  /// closed or reset the connection `hung_up` is called, once, on the watch's thread: it must be
  /// quick and may not call back. What the peer says is nothing to this.
  void Add(Owner owner, int socket, std::function<void()> hung_up);
  /// Lets go of all connections of the owner; none of their `hung_up` is called any more.
  void Forget(Owner owner);

 private:
  struct Watched {
    Owner owner;
    std::function<void()> hung_up;
  };

  void Run(const std::stop_token& stop);

  const int epoll_;
  const int wake_;  // readable at the end
  std::mutex mutex_;
  std::map<int, Watched> watched_;  // by the duplicate's descriptor
  std::map<Owner, std::vector<int>> by_owner_;
  std::jthread thread_;
};

}  // namespace tierwatch
