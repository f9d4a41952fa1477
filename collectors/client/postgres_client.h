// PostgreSQL connections: one per server, shared by its collectors, bounded in time, rows and
// bytes. The only user of libpqxx.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/http_client.h"
#include "base/result.h"
#include "collectors/client/postgres_address.h"

namespace tierwatch {

/// A result as text; nullopt is SQL's NULL.
struct Rows {
  std::vector<std::string> columns;
  std::vector<std::vector<std::optional<std::string>>> rows;
};

/// Bounds of one session. No call outlasts `deadline` (but for the system's name resolution while
/// connecting) and none goes on after `stop`.
struct PostgresCall {
  const Clock& clock;
  SteadyTime deadline;
  std::stop_token stop;
  Millis lock_timeout{250};  // after one that was waited for in vain, the session waits for none
  std::size_t max_rows = 200'000;
  std::uint64_t max_bytes = 64u << 20;                // of the whole session
  std::function<void(int socket)> kept = [](int) {};  // see SampleContext
};

class PostgresConnection;

/// The use of a server's one connection, from Open to destruction. One thread.
///
/// Every query is a read-only transaction of its own, which the server ends by itself. Its settings
/// (statement_timeout from the deadline, lock_timeout, ISO dates, UTC, no JIT, an empty search
/// path, so that names come out qualified) travel with it in the same round trip: they hold behind
/// a pooler in any mode, leak into no other client's session, and nothing of ours is ever idle in a
/// transaction. What is given up (the deadline, a stop, too many bytes) ends on the server half a
/// second later, before PostgreSQL 14 or not on Linux by its statement_timeout.
class PostgresSession {
 public:
  PostgresSession(PostgresSession&&) noexcept;
  PostgresSession& operator=(PostgresSession&&) = delete;
  ~PostgresSession();

  /// As PostgreSQL counts versions: 150020.
  int version() const;

  /// One statement, ended by the server after `at_most` where that comes before the deadline.
  /// Errors: kTimeout (57014, the deadline), kLock (55P03), kPrivileges (42501), kAuth (28xxx),
  /// kLimit (rows, bytes), kConnect (the connection broke), kOther. The connection is kept where
  /// the server answered.
  Result<Rows> Query(std::string_view statement, Millis at_most = Millis::max());

 private:
  friend class PostgresServer;
  struct State;
  explicit PostgresSession(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// One server with one database and user; its sessions keep it alive. Thread-safe: sessions follow
/// one another. Made by PostgresServers.
class PostgresServer : public std::enable_shared_from_this<PostgresServer> {
 public:
  PostgresServer(PostgresAddress address, Secret password);
  ~PostgresServer();

  const PostgresAddress& address() const { return address_; }

  /// Waits for the connection to be free, and connects where there is none. After failures in a
  /// row, attempts are at least 0.5, 1, 2, 4, then 8 s apart, and the last error is the answer in
  /// between. The password is read at each attempt. Errors: kConnect, kAuth (28xxx, an unreadable
  /// secret), kTls, kTimeout, kLimit.
  Result<PostgresSession> Open(const PostgresCall& call);

 private:
  friend class PostgresSession;
  struct Gate;
  Result<void> Connect(const PostgresCall& call);  // or the last failure, while it is too early
  Result<void> ConnectNow(const PostgresCall& call);

  const PostgresAddress address_;
  const Secret password_;
  const std::unique_ptr<Gate> gate_;  // lets one session in
  std::unique_ptr<PostgresConnection> connection_;
  std::optional<Error> last_failure_;
  int failures_ = 0;
  SteadyTime next_attempt_{};
};

/// The servers that are watched. Thread-safe.
class PostgresServers {
 public:
  /// The same server for the same address and password; it lives as long as somebody holds it.
  std::shared_ptr<PostgresServer> Get(const PostgresAddress& address, const Secret& password);

 private:
  std::mutex mutex_;
  std::map<std::string, std::weak_ptr<PostgresServer>> servers_;
};

}  // namespace tierwatch
