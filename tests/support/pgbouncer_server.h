// A real PgBouncer for tests, on a free loopback port, before a TestPostgres.
#pragma once

#include <memory>
#include <string>

#include "tests/support/postgres_server.h"
#include "tests/support/process.h"

namespace tierwatch {

/// Pools transactions: one server connection for all clients of its database `orgs`, which is
/// `postgres` behind it as the role `tw`. Users: `app` with the password "apppass", and `watcher`,
/// who may see the console, with "s3cret". Runs from construction on; one that does not start fails
/// the test.
class TestPgBouncer {
 public:
  explicit TestPgBouncer(const TestPostgres& postgres);

  int port() const { return port_; }
  std::string name() const { return "127.0.0.1:" + std::to_string(port_); }
  /// "user:password" or "user".
  std::string url(const std::string& user) const {
    return "postgresql://" + user + "@" + name() + "/orgs";
  }
  std::string console_url(const std::string& user) const {
    return "pgbouncer://" + user + "@" + name();
  }
  Process& process() { return *process_; }

  /// From now on the watcher's password is this one.
  void ChangePassword(const std::string& password);

 private:
  void WriteUsers(const std::string& password) const;
  TempDir dir_;
  const int port_;
  std::unique_ptr<Process> process_;
};

/// True where PgBouncer and PostgreSQL's server programs are installed.
bool HasPgBouncer();

}  // namespace tierwatch
