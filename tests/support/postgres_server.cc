#include "tests/support/postgres_server.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <pwd.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace tierwatch {
namespace {

// The newest of Debian's.
std::string DebianFolder() {
  std::string newest;
  std::error_code ignored;
  for (const auto& version : std::filesystem::directory_iterator("/usr/lib/postgresql", ignored)) {
    const std::filesystem::path bin = version.path() / "bin";
    if (std::filesystem::exists(bin / "initdb")) newest = std::max(newest, bin.string());
  }
  return newest;
}

// Where tests/support/postgresql_versions.py puts the other versions.
std::string FetchedFolder(const std::string& version) {
  const char* const home = std::getenv("HOME");
  const char* const cache = std::getenv("XDG_CACHE_HOME");
  const std::string root = ::geteuid() == 0   ? "/var/cache"
                           : cache != nullptr ? cache
                           : home != nullptr  ? std::string(home) + "/.cache"
                                              : "";
  const std::string bin = root + "/tierwatch/postgresql/" + version + "/bin";
  if (std::filesystem::exists(bin + "/initdb")) return bin;
  std::puts(("there is no PostgreSQL " + version + " in " + bin).c_str());
  return "";
}

std::string ServerFolder() {
  const char* const version = std::getenv("TIERWATCH_POSTGRES_VERSION");
  return version == nullptr ? DebianFolder() : FetchedFolder(version);
}

// PostgreSQL refuses to be root. The kernel forgets the death signal when the user changes: setpriv
// sets it again.
std::vector<std::string> AsUser(const std::string& program, std::vector<std::string> arguments) {
  std::vector<std::string> command;
  if (::geteuid() == 0) {
    command = {"setpriv",        "--reuid=postgres", "--regid=postgres",
               "--clear-groups", "--pdeathsig",      "KILL"};
  }
  const std::string folder = ServerFolder();
  const bool serves = std::filesystem::exists(folder + "/" + program);
  command.push_back((serves ? folder : DebianFolder()) + "/" + program);
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

bool HasPostgres() { return !ServerFolder().empty() && !DebianFolder().empty(); }

TestPostgres::TestPostgres() : port_(FreePort()) {
  GiveToUser(dir_.path());
  MustRun(AsUser("initdb", {"-D", data(), "-U", "tw", "-A", "trust", "--no-sync", "-E", "UTF8",
                            "--locale=C"}));
  Configure(fmt::format(
      "listen_addresses='127.0.0.1'\nunix_socket_directories='{}'\nfsync=off\n"
      "synchronous_commit=off\nshared_buffers=32MB\nwal_level=replica\n"
      "max_wal_senders=6\nmax_replication_slots=6\nhot_standby=on\nautovacuum=off\nport={}\n"
      "shared_preload_libraries=pg_stat_statements\n",
      dir_.path(), port_));
  const std::string hba = ReadFile(data() + "/pg_hba.conf");
  std::ofstream(data() + "/pg_hba.conf") << "host all walled 127.0.0.1/32 scram-sha-256\n"
                                            "hostssl all sealed 127.0.0.1/32 trust "
                                            "clientcert=verify-ca\n"
                                            "host all sealed all reject\n"
                                         << hba;
  Start();
  Sql("SET password_encryption = 'scram-sha-256'; CREATE ROLE plain LOGIN; CREATE ROLE walled "
      "LOGIN PASSWORD 's3cret'; CREATE ROLE sealed LOGIN");
}

TestPostgres::TestPostgres(const TestPostgres& primary, const std::string& application_name,
                           bool slot)
    : port_(FreePort()) {
  GiveToUser(dir_.path());
  if (slot)
    primary.Sql(fmt::format("SELECT pg_create_physical_replication_slot('{}')", application_name));
  CopyOf(primary);
  std::ofstream(data() + "/standby.signal");
  std::ofstream(data() + "/postgresql.auto.conf", std::ios::app) << fmt::format(
      "primary_conninfo='host=127.0.0.1 port={} user=tw application_name={}'\n"
      "primary_slot_name='{}'\n",
      primary.port(), application_name, slot ? application_name : "");
  Configure(fmt::format("port={}\nunix_socket_directories='{}'\n", port_, dir_.path()));
  Start();
  // It answers before it streams: at first it catches up.
  EXPECT_TRUE(WaitUntil([&] {
    return primary.Sql(fmt::format("SELECT count(*) FROM pg_stat_replication WHERE state = "
                                   "'streaming' AND application_name = '{}'",
                                   application_name)) == "1";
  })) << application_name
      << " does not stream";
}

// A base backup: no version's pg_basebackup reads from all versions.
void TestPostgres::CopyOf(const TestPostgres& other) const {
  const bool since_15 = std::stoi(other.Sql("SHOW server_version_num")) >= 150000;
  MustRun(AsUser("psql", {"-X", "-qAt", "-v", "ON_ERROR_STOP=1", "-o", "/dev/null", "-c",
                          since_15 ? "SELECT pg_backup_start('copy', true)"
                                   : "SELECT pg_start_backup('copy', true, false)",
                          "-c", fmt::format("\\! cp -a {} {}", other.data(), data()), "-c",
                          fmt::format("\\o {}/backup_label", data()), "-c",
                          since_15 ? "SELECT labelfile FROM pg_backup_stop(false)"
                                   : "SELECT labelfile FROM pg_stop_backup(false, false)",
                          other.url()}));
  std::filesystem::remove(data() + "/postmaster.pid");
}

void TestPostgres::Configure(const std::string& lines) const {
  std::ofstream(data() + "/postgresql.conf", std::ios::app) << lines;
}

std::string TestPostgres::url(const std::string& role) const {
  return fmt::format("postgresql://{}@{}/postgres", role, name());
}

std::string TestPostgres::Sql(const std::string& sql) const {
  const ProcessResult result = RunProcess(
      {DebianFolder() + "/psql", "-X", "-qAt", "-v", "ON_ERROR_STOP=1", "-c", sql, url()});
  EXPECT_EQ(result.status, 0) << sql << "\n" << result.output;
  return result.output.substr(0, result.output.find_last_not_of('\n') + 1);
}

// The server wants its key to be its own, and nobody else's.
void TestPostgres::UseTls(const Certificates& certificates) const {
  std::string sql;
  for (const auto& [setting, source] : {std::pair{"ssl_cert_file", certificates.server_cert()},
                                        {"ssl_key_file", certificates.server_key()},
                                        {"ssl_ca_file", certificates.ca()}}) {
    const std::string path = dir_.Write(setting, ReadFile(source));
    std::filesystem::permissions(path, std::filesystem::perms(0600));
    GiveToUser(path);
    Sql(fmt::format("ALTER SYSTEM SET {} = '{}'", setting, path));
  }
  Sql("ALTER SYSTEM SET ssl = on");
  Sql("SELECT pg_reload_conf()");
}

void TestPostgres::Start(const std::string& until) {
  process_ = std::make_unique<Process>(AsUser("postgres", {"-D", data()}));
  const bool ready = WaitUntil(
      [&] { return process_->Output().find(until) != std::string::npos || !process_->Running(); },
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
