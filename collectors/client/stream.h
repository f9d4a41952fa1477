// A byte stream over TCP, TLS or a Unix socket on which no call outlasts its deadline.
#pragma once

#include <openssl/types.h>

#include <cstddef>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/http_client.h"
#include "base/result.h"

namespace tierwatch {

struct SocketAddress;

/// When to give up: at an absolute time of `clock`, or as soon as `stop` is requested.
struct Deadline {
  const Clock& clock;
  SteadyTime at;
  std::stop_token stop;
  /// What is left; zero or less once it has passed.
  Millis Left() const { return std::chrono::duration_cast<Millis>(at - clock.Steady()); }
};

struct StreamAddress {
  std::string host;  // a name or a numeric address
  int port = 0;
  std::string socket;  // path of a Unix socket; host and port are then not looked at
  bool tls = false;
  TlsOptions
      tls_options;  // files are read at every Connect, so that renewed certificates are picked up
};

/// A connected stream. Used by one thread at a time; movable. After any error it is of no further
/// use. Errors: kConnect (name, refused, reset, closed by the peer), kTls, kTimeout, kOther
/// "cancelled".
class Stream {
 public:
  /// Tries every address of the host in turn; the TLS handshake checks the certificate's chain and
  /// name.
  static Result<Stream> Connect(const StreamAddress& address, const Deadline& deadline);

  Stream(Stream&& other) noexcept;
  Stream& operator=(Stream&&) = delete;
  ~Stream();

  /// True while nothing waits to be read: the peer of an idle stream has neither closed it nor
  /// spoken out of turn.
  bool Quiet() const;
  int socket() const { return fd_; }
  Result<void> Write(std::string_view bytes, const Deadline& deadline);
  /// Waits for bytes and reads at most `size` of them; never 0.
  Result<std::size_t> Read(char* buffer, std::size_t size, const Deadline& deadline);

 private:
  explicit Stream(int fd) : fd_(fd) {}
  Result<void> Wait(short events, const Deadline& deadline) const;
  Result<void> FinishConnect(const Deadline& deadline) const;
  Result<void> StartTls(const StreamAddress& address, const Deadline& deadline);
  template <class Call>
  Result<std::size_t> TlsCall(std::string_view what, const Deadline& deadline, Call call);
  Error Broken(int system_error) const;
  static Result<Stream> ConnectSocket(const SocketAddress& address, const Deadline& deadline);

  struct FreeTls {
    void operator()(SSL* tls) const;
  };
  int fd_ = -1;
  std::unique_ptr<SSL, FreeTls> tls_;
  bool answered_ = false;  // something was read over TLS
};

}  // namespace tierwatch
