#include "tests/support/postgres_server.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <pwd.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

namespace tierwatch {
namespace {

// The newest server of Debian's.
std::string BinFolder() {
  std::string newest;
  std::error_code ignored;
  for (const auto& version : std::filesystem::directory_iterator("/usr/lib/postgresql", ignored)) {
    const std::filesystem::path bin = version.path() / "bin";
    if (std::filesystem::exists(bin / "initdb")) newest = std::max(newest, bin.string());
  }
  return newest;
}

// PostgreSQL refuses to be root. The kernel forgets the death signal when the user changes: setpriv
// sets it again.
std::vector<std::string> AsUser(const std::string& program, std::vector<std::string> arguments) {
  std::vector<std::string> command;
  if (::geteuid() == 0) {
    command = {"setpriv",        "--reuid=postgres", "--regid=postgres",
               "--clear-groups", "--pdeathsig",      "KILL"};
  }
  command.push_back(BinFolder() + "/" + program);
  command.insert(command.end(), arguments.begin(), arguments.end());
  return command;
}

void MustRun(std::vector<std::string> command) {
  const ProcessResult result = RunProcess(std::move(command), Millis{60'000});
  EXPECT_EQ(result.status, 0) << result.output;
}

void GiveToUser(const std::string& path) {
  if (::geteuid() != 0) return;
  const passwd* user = ::getpwnam("postgres");
  ASSERT_NE(user, nullptr) << "no user postgres to run the server as";
  ASSERT_EQ(::chown(path.c_str(), user->pw_uid, user->pw_gid), 0);
}

}  // namespace

bool HasPostgres() { return !BinFolder().empty(); }

TestPostgres::TestPostgres() : port_(FreePort()) {
  GiveToUser(dir_.path());
  MustRun(AsUser("initdb", {"-D", data(), "-U", "tw", "-A", "trust", "--no-sync",
                            "--no-instructions", "-E", "UTF8", "--locale=C"}));
  Configure(fmt::format(
      "listen_addresses='127.0.0.1'\nunix_socket_directories='{}'\nfsync=off\n"
      "synchronous_commit=off\nshared_buffers=32MB\nwal_level=replica\n"
      "max_wal_senders=6\nmax_replication_slots=6\nhot_standby=on\nautovacuum=off\nport={}\n"
      "shared_preload_libraries=pg_stat_statements\n",
      dir_.path(), port_));
  const std::string hba = ReadFile(data() + "/pg_hba.conf");
  std::ofstream(data() + "/pg_hba.conf") << "host all walled 127.0.0.1/32 scram-sha-256\n" << hba;
  Start();
  Sql("CREATE ROLE plain LOGIN; CREATE ROLE walled LOGIN PASSWORD 's3cret'");
}

TestPostgres::TestPostgres(const TestPostgres& primary, const std::string& application_name,
                           bool slot)
    : port_(FreePort()) {
  GiveToUser(dir_.path());
  std::vector<std::string> arguments{
      "-d",
      fmt::format("host=127.0.0.1 port={} user=tw application_name={}", primary.port(),
                  application_name),
      "-D",
      data(),
      "-R",
      "-X",
      "stream",
      "-c",
      "fast",
      "--no-sync"};
  if (slot) arguments.insert(arguments.end(), {"-C", "-S", application_name});
  MustRun(AsUser("pg_basebackup", arguments));
  Configure(fmt::format("port={}\nunix_socket_directories='{}'\n", port_, dir_.path()));
  // A copy of a standby would stream from that standby's slot.
  if (!slot)
    std::ofstream(data() + "/postgresql.auto.conf", std::ios::app) << "primary_slot_name=''\n";
  Start();
}

void TestPostgres::Configure(const std::string& lines) const {
  std::ofstream(data() + "/postgresql.conf", std::ios::app) << lines;
}

std::string TestPostgres::url(const std::string& role) const {
  return fmt::format("postgresql://{}@{}/postgres", role, name());
}

std::string TestPostgres::Sql(const std::string& sql) const {
  const ProcessResult result =
      RunProcess({BinFolder() + "/psql", "-X", "-qAt", "-v", "ON_ERROR_STOP=1", "-c", sql, url()});
  EXPECT_EQ(result.status, 0) << sql << "\n" << result.output;
  return result.output.substr(0, result.output.find_last_not_of('\n') + 1);
}

void TestPostgres::Start() {
  process_ = std::make_unique<Process>(AsUser("postgres", {"-D", data()}));
  const bool ready = WaitUntil(
      [this] {
        return process_->Output().find("ready to accept") != std::string::npos ||
               !process_->Running();
      },
      Millis{30'000});
  EXPECT_TRUE(ready && process_->Running()) << process_->Output();
}

void TestPostgres::Stop() {
  if (process_ == nullptr || !process_->Running()) return;
  process_->Signal(SIGCONT);
  process_->Signal(SIGQUIT);  // immediate: nothing here is worth a checkpoint
  EXPECT_TRUE(process_->Wait(Millis{20'000}).has_value());
}

}  // namespace tierwatch
