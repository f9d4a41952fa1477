// PgBouncer's admin console: its SHOW commands, bounded in time, rows and bytes.
#pragma once

#include <memory>
#include <string_view>

#include "base/http_client.h"
#include "base/result.h"
#include "collectors/client/postgres_address.h"
#include "collectors/client/postgres_client.h"

namespace tierwatch {

/// A connection to the console, for one sampling. The console speaks PostgreSQL's simple protocol
/// alone and knows no transactions, settings or server version: libpqxx refuses it, so this is
/// libpq. One thread.
class PgBouncerConsole {
 public:
  /// Errors: kConnect, kAuth, kTls, kTimeout.
  static Result<PgBouncerConsole> Open(const PostgresAddress& address, const Secret& password,
                                       const PostgresCall& call);
  PgBouncerConsole(PgBouncerConsole&&) noexcept;
  PgBouncerConsole& operator=(PgBouncerConsole&&) = delete;
  ~PgBouncerConsole();

  /// "SHOW POOLS". Errors: kTimeout, kConnect, kLimit, kOther.
  Result<Rows> Ask(const char* command);

 private:
  struct State;
  explicit PgBouncerConsole(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace tierwatch
