// A real PostgreSQL for tests: a primary or its streaming replica, on a free loopback port, without
// durability.
#pragma once

#include <memory>
#include <string>

#include "tests/support/certificates.h"
#include "tests/support/process.h"

namespace tierwatch {

/// Runs from construction on, as an unprivileged user where the test is root; stopped by its
/// process id. A server that does not start fails the test. Roles: `tw` (superuser) and `plain` (no
/// rights) need no password, `walled` has the password "s3cret", `sealed` needs TLS and a client's
/// certificate.
class TestPostgres {
 public:
  /// A primary.
  TestPostgres();
  /// A replica of `primary` that calls itself `application_name` and uses a slot of that name where
  /// `slot` is set.
  TestPostgres(const TestPostgres& primary, const std::string& application_name, bool slot = true);
  ~TestPostgres() { Stop(); }
  TestPostgres(const TestPostgres&) = delete;
  TestPostgres& operator=(const TestPostgres&) = delete;

  int port() const { return port_; }
  std::string name() const { return "127.0.0.1:" + std::to_string(port_); }
  std::string url(const std::string& role = "tw") const;

  /// What psql prints for `sql`, without the last line end; an error fails the test.
  std::string Sql(const std::string& sql) const;

  /// Takes TLS from now on, with the server's certificate of these.
  void UseTls(const Certificates& certificates) const;

  /// Until its log says `until`.
  void Start(const std::string& until = "ready to accept");
  void Stop();
  Process& process() { return *process_; }

 private:
  std::string data() const { return dir_.path() + "/data"; }
  void CopyOf(const TestPostgres& other) const;
  void Configure(const std::string& lines) const;

  TempDir dir_;
  const int port_;
  std::unique_ptr<Process> process_;
};

/// True where PostgreSQL's server programs are installed: Debian's, or with
/// TIERWATCH_POSTGRES_VERSION (17) those that tests/support/postgresql_versions.py fetched.
bool HasPostgres();

}  // namespace tierwatch
