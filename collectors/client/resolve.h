// Socket addresses: name resolution that keeps a deadline, which getaddrinfo itself does not.
#pragma once

#include <sys/socket.h>

#include <string>
#include <vector>

#include "collectors/client/stream.h"

namespace tierwatch {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

/// All TCP addresses of `host`, in the order in which they should be tried. A numeric address asks
/// nobody; a name is asked for on a thread of its own, which is left behind (it ends by itself)
/// where the resolver outlasts the deadline.
Result<std::vector<SocketAddress>> Resolve(const std::string& host, int port,
                                           const Deadline& deadline);

/// The address of the Unix socket at `path`. Errors: kConnect for a path of over 107 bytes.
Result<std::vector<SocketAddress>> UnixAddress(const std::string& path);

}  // namespace tierwatch
