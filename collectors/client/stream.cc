#include "collectors/client/stream.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "collectors/client/resolve.h"

namespace tierwatch {
namespace {

Error ConnectError(int code) { return Error{std::strerror(code), Reason::kConnect}; }
Error ClosedError() { return Error{"closed by the server", Reason::kConnect}; }

struct FreeContext {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using TlsContext = std::unique_ptr<SSL_CTX, FreeContext>;

Error TlsError(std::string_view what) {
  const unsigned long code = ERR_get_error();
  const char* reason = code != 0 ? ERR_reason_error_string(code) : nullptr;
  return Error{fmt::format("{}: {}", what, reason != nullptr ? reason : "failed"), Reason::kTls};
}

Result<TlsContext> MakeContext(const TlsOptions& options) {
  ERR_clear_error();
  TlsContext context(SSL_CTX_new(TLS_client_method()));
  if (!context) return TlsError("TLS");
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_mode(context.get(),
                   SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  // A key that is encrypted is an error; OpenSSL would ask the terminal for its password.
  SSL_CTX_set_default_passwd_cb(context.get(), [](char*, int, int, void*) { return -1; });
  // Marks a connection whose server asks for a certificate that we don't have.
  SSL_CTX_set_client_cert_cb(context.get(), [](SSL* tls, X509**, EVP_PKEY**) {
    SSL_set_app_data(tls, tls);
    return 0;
  });
  SSL_CTX_set_verify(context.get(),
                     options.insecure_skip_verify ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, nullptr);
  if (options.ca_file.empty()) {
    SSL_CTX_set_default_verify_paths(context.get());
  } else if (SSL_CTX_load_verify_locations(context.get(), options.ca_file.c_str(), nullptr) != 1) {
    return TlsError("ca_file");
  }
  const char* cert = options.cert_file.c_str();
  if (*cert != 0 && SSL_CTX_use_certificate_chain_file(context.get(), cert) != 1)
    return TlsError("cert_file");
  const char* key = options.key_file.c_str();
  if (*key != 0 && SSL_CTX_use_PrivateKey_file(context.get(), key, SSL_FILETYPE_PEM) != 1) {
    return TlsError("key_file");
  }
  return context;
}

// The certificate must name the host: an IP address is looked for among its addresses, all else
// among its names.
bool ExpectName(SSL* tls, const std::string& name) {
  in6_addr scratch;
  if (::inet_pton(AF_INET, name.c_str(), &scratch) == 1 ||
      ::inet_pton(AF_INET6, name.c_str(), &scratch) == 1) {
    return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls), name.c_str()) == 1;
  }
  return SSL_set_tlsext_host_name(tls, name.c_str()) == 1 && SSL_set1_host(tls, name.c_str()) == 1;
}

}  // namespace

void Stream::FreeTls::operator()(SSL* tls) const {
  if (SSL_is_init_finished(tls) == 1) SSL_shutdown(tls);
  SSL_free(tls);
}

Stream::Stream(Stream&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), tls_(std::move(other.tls_)), answered_(other.answered_) {}

Stream::~Stream() {
  tls_.reset();
  if (fd_ >= 0) ::close(fd_);
}

Result<void> Stream::Wait(short events, const Deadline& deadline) const {
  // A shutdown wakes poll at once, so that a cancelled sample ends now and not at its deadline.
  const std::stop_callback wake(deadline.stop, [fd = fd_] { ::shutdown(fd, SHUT_RDWR); });
  for (;;) {
    if (deadline.stop.stop_requested()) return Error{"cancelled", Reason::kOther};
    const auto left = std::chrono::ceil<Millis>(deadline.at - deadline.clock.Steady()).count();
    if (left <= 0) return Error{"timed out", Reason::kTimeout};
    pollfd poll{fd_, events, 0};
    const int ready = ::poll(&poll, 1, static_cast<int>(std::min<std::int64_t>(left, 1'000'000)));
    if (ready > 0 && !deadline.stop.stop_requested()) return {};
    if (ready < 0 && errno != EINTR) return ConnectError(errno);
  }
}

Result<void> Stream::FinishConnect(const Deadline& deadline) const {
  if (Result<void> ready = Wait(POLLOUT, deadline); !ready.ok()) return ready;
  int code = 0;
  socklen_t size = sizeof code;
  ::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &code, &size);
  if (code != 0) return ConnectError(code);
  return {};
}

Result<Stream> Stream::ConnectSocket(const SocketAddress& address, const Deadline& deadline) {
  Stream stream(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (stream.fd_ < 0) return ConnectError(errno);
  const int on = 1;
  ::setsockopt(stream.fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (::connect(stream.fd_, address.get(), address.size) == 0) return stream;
  if (errno != EINPROGRESS) return ConnectError(errno);
  if (Result<void> done = stream.FinishConnect(deadline); !done.ok())
    return std::move(done).error();
  return stream;
}

Result<Stream> Stream::Connect(const StreamAddress& address, const Deadline& deadline) {
  Result<std::vector<SocketAddress>> candidates =
      address.socket.empty() ? Resolve(address.host, address.port, deadline)
                             : UnixAddress(address.socket);
  if (!candidates.ok()) return std::move(candidates).error();
  Error failure{"no address", Reason::kConnect};
  auto untried = static_cast<std::int64_t>(candidates->size());
  for (const SocketAddress& candidate : *candidates) {
    // An address that swallows packets leaves the others their share of the time.
    const Deadline share{deadline.clock, deadline.clock.Steady() + deadline.Left() / untried--,
                         deadline.stop};
    Result<Stream> attempt = ConnectSocket(candidate, share);
    if (!attempt.ok()) {
      failure = attempt.error();
      continue;
    }
    if (!address.tls) return attempt;
    if (Result<void> tls = attempt->StartTls(address, deadline); !tls.ok())
      return std::move(tls).error();
    return attempt;
  }
  return failure;
}

Result<void> Stream::StartTls(const StreamAddress& address, const Deadline& deadline) {
  Result<TlsContext> context = MakeContext(address.tls_options);
  if (!context.ok()) return std::move(context).error();
  tls_.reset(SSL_new(context->get()));
  const std::string& name =
      address.tls_options.server_name.empty() ? address.host : address.tls_options.server_name;
  if (!tls_ || SSL_set_fd(tls_.get(), fd_) != 1 || !ExpectName(tls_.get(), name))
    return TlsError("TLS");
  Result<std::size_t> done =
      TlsCall("TLS handshake", deadline, [this](std::size_t*) { return SSL_connect(tls_.get()); });
  if (!done.ok()) return std::move(done).error();
  return {};
}

// TLS 1.3 ends a client's handshake before the server has judged its certificate: a refusal comes
// as the end of the connection.
Error Stream::Broken(int system_error) const {
  if (!answered_ && SSL_get_app_data(tls_.get()) != nullptr) {
    return Error{"closed by the server, which asked for a client certificate", Reason::kTls};
  }
  return system_error != 0 ? ConnectError(system_error) : ClosedError();
}

// Calls until it is done or the deadline comes; TLS may have to write in order to read and the
// other way round.
template <class Call>
Result<std::size_t> Stream::TlsCall(std::string_view what, const Deadline& deadline, Call call) {
  for (;;) {
    ERR_clear_error();
    std::size_t count = 0;
    const int result = call(&count);
    if (result == 1) return count;
    const int system_error = errno;
    switch (SSL_get_error(tls_.get(), result)) {
      case SSL_ERROR_WANT_READ:
        if (Result<void> ready = Wait(POLLIN, deadline); !ready.ok())
          return std::move(ready).error();
        continue;
      case SSL_ERROR_WANT_WRITE:
        if (Result<void> ready = Wait(POLLOUT, deadline); !ready.ok())
          return std::move(ready).error();
        continue;
      case SSL_ERROR_ZERO_RETURN:
        return Broken(0);
      case SSL_ERROR_SYSCALL:
        return Broken(system_error);
      default:
        break;
    }
    // Peers that drop the connection without a close_notify are common: no fault of TLS.
    if (ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING &&
        SSL_is_init_finished(tls_.get())) {
      return Broken(0);
    }
    const long verdict = SSL_get_verify_result(tls_.get());
    if (verdict == X509_V_OK) return TlsError(what);
    return Error{fmt::format("{}: {}", what, X509_verify_cert_error_string(verdict)), Reason::kTls};
  }
}

bool Stream::Quiet() const {
  char byte = 0;
  return ::recv(fd_, &byte, 1, MSG_PEEK) < 0 && errno == EAGAIN;
}

Result<void> Stream::Write(std::string_view bytes, const Deadline& deadline) {
  while (!bytes.empty()) {
    if (tls_) {
      Result<std::size_t> sent = TlsCall("TLS", deadline, [&](std::size_t* count) {
        return SSL_write_ex(tls_.get(), bytes.data(), bytes.size(), count);
      });
      if (!sent.ok()) return std::move(sent).error();
      bytes.remove_prefix(*sent);
      continue;
    }
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN) {
      if (Result<void> ready = Wait(POLLOUT, deadline); !ready.ok()) return ready;
    } else if (errno != EINTR) {
      return ConnectError(errno);
    }
  }
  return {};
}

Result<std::size_t> Stream::Read(char* buffer, std::size_t size, const Deadline& deadline) {
  if (tls_) {
    Result<std::size_t> got = TlsCall("TLS", deadline, [&](std::size_t* count) {
      return SSL_read_ex(tls_.get(), buffer, size, count);
    });
    answered_ = answered_ || got.ok();
    return got;
  }
  for (;;) {
    const ssize_t got = ::recv(fd_, buffer, size, 0);
    if (got > 0) return static_cast<std::size_t>(got);
    if (got == 0) return ClosedError();
    if (errno == EAGAIN) {
      if (Result<void> ready = Wait(POLLIN, deadline); !ready.ok()) return std::move(ready).error();
    } else if (errno != EINTR) {
      return ConnectError(errno);
    }
  }
}

}  // namespace tierwatch
