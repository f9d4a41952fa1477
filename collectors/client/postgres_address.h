// Where a PostgreSQL server is: a connection URL, taken apart and normalised.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace tierwatch {

/// Two URLs that mean the same session (written in another order, defaults left out) give equal
/// `options`.
struct PostgresAddress {
  std::string host;      // as written; "localhost" for a Unix socket
  std::string port;      // "5432" where absent
  std::string database;  // the user's name where absent, as libpq has it
  /// libpq's keywords and values, sorted, without the password.
  std::vector<std::pair<std::string, std::string>> options;
  std::string password;  // the URL's own, "" where it has none

  /// "host:port", brackets for IPv6: the labels `target`, `server` and `replica`. Never a
  /// credential or a path.
  std::string Name() const;
};

/// Parses `postgresql://[user@]host[:port][/database][?keyword=value…]` (also `postgres://`) by
/// libpq's own rules. One host only. The error (kParse) never repeats the URL, which may hold a
/// password.
Result<PostgresAddress> ParsePostgresAddress(std::string_view url);

/// The console of a PgBouncer: `pgbouncer://[user@]host[:port][?keyword=value…]`; its database is
/// always "pgbouncer", its port 6432 where absent.
Result<PostgresAddress> ParsePgBouncerAddress(std::string_view url);

}  // namespace tierwatch
