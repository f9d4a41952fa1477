// Passwords and certificates that change on real servers and in files while tierwatch runs.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <sstream>

#include "tests/live/program.h"
#include "tests/support/pgbouncer_server.h"
#include "tests/support/redis_server.h"

namespace tierwatch {
namespace {

using Names = std::set<std::string>;  // of targets

// A series of a target on the page; 0 where there is none.
double Value(const std::string& page, const std::string& name, const std::string& target,
             const std::string& label) {
  std::istringstream lines(page);
  for (std::string line; std::getline(lines, line);) {
    const bool is_it = line.starts_with(name + "{") &&
                       line.find("target=\"" + target + "\"") != std::string::npos &&
                       line.find(label) != std::string::npos;
    if (is_it) return std::stod(line.substr(line.rfind(' ')));
  }
  return 0;
}

class CredentialsLive : public testing::Test {
 protected:
  void SetUp() override {
    if (!HasPgBouncer()) GTEST_SKIP() << "PostgreSQL's server or PgBouncer is not installed";
    postgres_.emplace();
    postgres_->Sql("GRANT pg_monitor TO walled, sealed");
  }

  // Until the targets are all up, or all down and refused for `reason` once more.
  void ExpectAll(const Program& program, const Names& names, bool up,
                 const std::string& reason = "") {
    const auto refused = [&](const std::string& page, const std::string& name) {
      return Value(page, "tierwatch_target_errors_total", name, "reason=\"" + reason + "\"");
    };
    const std::string before = program.Get("/metrics").body;
    std::string page;
    EXPECT_TRUE(WaitUntil(
        [&] {
          page = program.Get("/metrics").body;
          return std::ranges::all_of(names, [&](const std::string& name) {
            return Value(page, "tierwatch_target_up", name, "") == (up ? 1 : 0) &&
                   (up || refused(page, name) > refused(before, name));
          });
        },
        Millis{30'000}))
        << (up ? "not up again\n" : "not refused for " + reason + "\n") << page;
  }
  void CutConnections(const std::string& role) {
    postgres_->Sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '" +
                   role + "'");
  }

  std::optional<TestPostgres> postgres_;
  const TempDir dir_;
};

TEST_F(CredentialsLive, PasswordsThatChangeAreReadAgain) {
  TestPgBouncer pgbouncer(*postgres_);
  RedisServer redis({"--requirepass", "s3cret"});
  const std::string file = dir_.Write("password", "s3cret\n");
  Program program(fmt::format(R"(
global: {{sample_interval: 500ms}}
collectors:
  redis: [{{service: cache, targets: ["{0}"], password_file: "{3}"}}]
  pool:
  - {{service: pooler, targets: ["{1}"], password_file: "{3}"}}
  - {{service: db, targets: ["{2}"], password_file: "{3}"}})",
                              redis.url(), pgbouncer.console_url("watcher"),
                              postgres_->url("walled"), file));
  program.Start();
  const Names all{"127.0.0.1:" + std::to_string(redis.port()), pgbouncer.name(), postgres_->name()};
  ExpectAll(program, all, true);

  redis.Cli({"CONFIG", "SET", "requirepass", "changed"}, {"-a", "s3cret"});
  redis.Cli({"CLIENT", "KILL", "TYPE", "normal"}, {"-a", "changed"});
  pgbouncer.ChangePassword("changed");
  postgres_->Sql("ALTER ROLE walled PASSWORD 'changed'");
  CutConnections("walled");
  ExpectAll(program, all, false, "auth");
  dir_.Write("password", "changed\n");
  ExpectAll(program, all, true);

  std::filesystem::remove(file);
  redis.Cli({"CLIENT", "KILL", "TYPE", "normal"}, {"-a", "changed"});
  CutConnections("walled");
  ExpectAll(program, all, false, "auth");
  dir_.Write("password", "changed\n");
  ExpectAll(program, all, true);
  EXPECT_EQ(program.Output().find("s3cret"), std::string::npos);
  EXPECT_EQ(program.Output().find("changed"), std::string::npos);
}

// Another authority, and certificates of it for the servers and for us.
TEST_F(CredentialsLive, CertificatesThatAreRenewedAreReadAgain) {
  const Certificates old_ones, new_ones;
  const int port = FreePort();
  RedisServer redis(RedisTlsArguments(old_ones, port, true));
  postgres_->UseTls(old_ones);
  const auto install = [this](const Certificates& ones) {
    dir_.Write("ca.pem", ReadFile(ones.ca()));
    dir_.Write("client.pem", ReadFile(ones.client_cert()));
    const std::string key = dir_.Write("client.key", ReadFile(ones.client_key()));
    std::filesystem::permissions(key, std::filesystem::perms(0600));  // libpq takes no other
  };
  install(old_ones);
  Program program(fmt::format(R"(
global: {{sample_interval: 500ms}}
collectors:
  redis:
  - {{service: cache, targets: ["rediss://127.0.0.1:{0}"],
      tls: {{ca_file: {2}/ca.pem, cert_file: {2}/client.pem, key_file: {2}/client.key}}}}
  pool:
  - {{service: db, targets: ["{1}?sslmode=verify-full&sslrootcert={2}/ca.pem&sslcert={2}/client.pem&sslkey={2}/client.key"]}})",
                              port, postgres_->url("sealed"), dir_.path()));
  program.Start();
  const Names all{"127.0.0.1:" + std::to_string(port), postgres_->name()};
  ExpectAll(program, all, true);

  const std::string changed =
      redis.Cli({"CONFIG", "SET", "tls-cert-file", new_ones.server_cert(), "tls-key-file",
                 new_ones.server_key(), "tls-ca-cert-file", new_ones.ca()});
  ASSERT_EQ(changed.substr(0, 2), "OK") << changed;
  redis.Cli({"CLIENT", "KILL", "TYPE", "normal"});
  postgres_->UseTls(new_ones);
  CutConnections("sealed");
  ExpectAll(program, all, false, "tls");
  install(new_ones);
  ExpectAll(program, all, true);
}

}  // namespace
}  // namespace tierwatch
