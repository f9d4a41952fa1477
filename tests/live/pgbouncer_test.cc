// The collector `pool` against a real PgBouncer, whose clients the test is itself.
#include <gtest/gtest.h>
#include <signal.h>

#include <optional>
#include <thread>

#include "collectors/client/pgbouncer_console.h"
#include "collectors/pool.h"
#include "tests/support/collect.h"
#include "tests/support/pgbouncer_server.h"
#include "tests/support/sql_client.h"

namespace tierwatch {
namespace {

// One server connection for all clients of `orgs`.
class PgBouncerLive : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!HasPgBouncer()) GTEST_SKIP() << "PostgreSQL's server or PgBouncer is not installed";
    postgres_.emplace();
    pgbouncer_.emplace(*postgres_);
  }

  Target Make(const std::string& user, const std::string& password) const {
    return MakeTarget(
        &ReadPool, "targets: [\"" + pgbouncer_->console_url(user) + "\"]\npassword: " + password);
  }
  SqlClient Connect() const { return ConnectSql(pgbouncer_->url("app:apppass")); }

  std::optional<TestPostgres> postgres_;
  std::optional<TestPgBouncer> pgbouncer_;
  SystemClock clock_;
};

TEST_F(PgBouncerLive, SeesWhoWaitsForAServer) {
  const Target target = Make("watcher", "s3cret");
  EXPECT_EQ(target.name, pgbouncer_->name());
  const SqlClient holder = Connect();
  PQclear(PQexec(holder.get(), "BEGIN"));
  const SqlClient waiter = Connect();
  const SteadyTime begun = clock_.Steady();
  ASSERT_EQ(PQsendQuery(waiter.get(), "SELECT 1"), 1);
  Sample sample;
  const auto value = [&](const std::string& metric, const std::vector<std::string>& labels = {}) {
    return ValueOf(sample, "tierwatch_pool_" + metric, labels).value_or(-1);
  };
  ASSERT_TRUE(WaitUntil([&] {
    sample = CollectOnce(target, clock_);
    return value("max_wait_seconds", {"orgs", "tw"}) > 0.2;
  })) << ErrorsOf(sample);
  EXPECT_EQ(ErrorsOf(sample), "");
  EXPECT_EQ(value("client_connections", {"orgs", "tw", "active"}), 1);
  EXPECT_EQ(value("client_connections", {"orgs", "tw", "waiting"}), 1);
  EXPECT_EQ(value("server_connections", {"orgs", "tw", "active"}), 1);
  EXPECT_EQ(value("server_connections", {"orgs", "tw", "idle"}), 0);
  EXPECT_LE(value("max_wait_seconds", {"orgs", "tw"}),
            std::chrono::duration<double>(clock_.Steady() - begun).count());
  EXPECT_EQ(value("client_connections_max"), 50);
  EXPECT_EQ(value("max_wait_limit_seconds"), 120);  // PgBouncer's default
  EXPECT_EQ(value("size", {"orgs"}), 1);
  EXPECT_EQ(value("reserve_size", {"orgs"}), 0);
  EXPECT_EQ(value("database_connections", {"orgs"}), 1);
  EXPECT_EQ(value("paused", {"orgs"}), 0);
  EXPECT_EQ(value("disabled", {"orgs"}), 0);

  PQclear(PQexec(holder.get(), "COMMIT"));
  while (PGresult* result = PQgetResult(waiter.get())) PQclear(result);
  sample = CollectOnce(target, clock_);
  EXPECT_EQ(value("client_connections", {"orgs", "tw", "waiting"}), 0);
  EXPECT_EQ(value("max_wait_seconds", {"orgs", "tw"}), 0);
  EXPECT_EQ(value("transactions_total", {"orgs"}), 2);
  EXPECT_EQ(value("queries_total", {"orgs"}), 3);
  EXPECT_GT(value("wait_seconds_total", {"orgs"}), 0.2);
  EXPECT_GT(value("sent_bytes_total", {"orgs"}), 0);
}

TEST_F(PgBouncerLive, SaysWhyItIsNotLetIn) {
  Sample sample = CollectOnce(Make("watcher", "wrong"), clock_);
  EXPECT_FALSE(sample.up);
  EXPECT_TRUE(HasError(sample, Reason::kAuth)) << ErrorsOf(sample);
  sample = CollectOnce(Make("app", "apppass"), clock_);  // no stats_user
  EXPECT_FALSE(sample.up);
  EXPECT_TRUE(HasError(sample, Reason::kAuth)) << ErrorsOf(sample);
  sample = CollectOnce(Make("nobody", "s3cret"), clock_);
  EXPECT_TRUE(HasError(sample, Reason::kAuth)) << ErrorsOf(sample);
  pgbouncer_->process().Stop();
  sample = CollectOnce(Make("watcher", "s3cret"), clock_);
  EXPECT_FALSE(sample.up);
  EXPECT_TRUE(HasError(sample, Reason::kConnect)) << ErrorsOf(sample);
}

TEST_F(PgBouncerLive, AFrozenOneIsKnownAtTheDeadline) {
  const auto address = ParsePgBouncerAddress(pgbouncer_->console_url("watcher"));
  ASSERT_TRUE(address.ok());
  const SteadyTime start = clock_.Steady();
  auto console =
      PgBouncerConsole::Open(*address, {"s3cret", ""}, {clock_, start + Millis{1'000}, {}});
  ASSERT_TRUE(console.ok()) << console.error().message;
  pgbouncer_->process().Signal(SIGSTOP);
  const auto rows = console->Ask("SHOW POOLS");
  ASSERT_FALSE(rows.ok());
  EXPECT_EQ(rows.error().reason, Reason::kTimeout) << rows.error().message;
  const auto took = clock_.Steady() - start;
  EXPECT_GE(took, Millis{950});
  EXPECT_LT(took, Millis{10'000});
  pgbouncer_->process().Signal(SIGCONT);
}

TEST_F(PgBouncerLive, AnErrorOfTheConsoleKeepsTheConnection) {
  const auto address = ParsePgBouncerAddress(pgbouncer_->console_url("watcher"));
  auto console = PgBouncerConsole::Open(*address, {"s3cret", ""},
                                        {clock_, clock_.Steady() + Millis{5'000}, {}});
  ASSERT_TRUE(console.ok()) << console.error().message;
  const auto nonsense = console->Ask("SHOW NONSENSE");
  EXPECT_FALSE(nonsense.ok());
  const auto rows = console->Ask("SHOW POOLS");
  ASSERT_TRUE(rows.ok()) << rows.error().message;
  EXPECT_FALSE(rows->columns.empty());
}

}  // namespace
}  // namespace tierwatch
