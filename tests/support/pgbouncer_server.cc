#include "tests/support/pgbouncer_server.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>

namespace tierwatch {
namespace {

constexpr const char* kProgram = "/usr/sbin/pgbouncer";

}  // namespace

bool HasPgBouncer() { return HasPostgres() && std::filesystem::exists(kProgram); }

TestPgBouncer::TestPgBouncer(const TestPostgres& postgres) : port_(FreePort()) {
  WriteUsers("s3cret");
  const std::string config = dir_.Write(
      "pgbouncer.ini",
      fmt::format("[databases]\norgs = host=127.0.0.1 port={} dbname=postgres user=tw\n"
                  "[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {}\nunix_socket_dir =\n"
                  "auth_type = scram-sha-256\nauth_file = {}/users.txt\nstats_users = watcher\n"
                  "pool_mode = transaction\ndefault_pool_size = 1\nmax_client_conn = 50\n",
                  postgres.port(), port_, dir_.path()));
  // It reads both as the user that it changes to.
  std::filesystem::permissions(dir_.path(), std::filesystem::perms(0755));
  std::vector<std::string> command{kProgram};
  if (::geteuid() == 0) command.insert(command.end(), {"-u", "postgres"});
  command.push_back(config);
  process_ = std::make_unique<Process>(command);
  EXPECT_TRUE(WaitForPort(port_)) << process_->Output();
}

void TestPgBouncer::ChangePassword(const std::string& password) {
  WriteUsers(password);
  process_->Signal(SIGHUP);
}

void TestPgBouncer::WriteUsers(const std::string& password) const {
  dir_.Write("users.txt", fmt::format("\"watcher\" \"{}\"\n\"app\" \"apppass\"\n", password));
}

}  // namespace tierwatch
