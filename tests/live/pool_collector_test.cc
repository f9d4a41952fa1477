// The collector `pool` against a real PostgreSQL whose clients the test is itself.
#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "collectors/pool.h"
#include "tests/support/collect.h"
#include "tests/support/postgres_server.h"
#include "tests/support/sql_client.h"

namespace tierwatch {
namespace {

class PoolLive : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (!HasPostgres()) return;
    postgres_ = new TestPostgres;
    postgres_->Sql(
        "CREATE ROLE watcher LOGIN; GRANT pg_monitor TO watcher; CREATE TABLE orgs (n int)");
  }
  static void TearDownTestSuite() {
    delete postgres_;
    postgres_ = nullptr;
  }
  void SetUp() override {
    if (postgres_ == nullptr) GTEST_SKIP() << "PostgreSQL's server is not installed";
  }
  static Target Make(const std::string& role) {
    return MakeTarget(&ReadPool, "targets: [\"" + postgres_->url(role) + "\"]");
  }
  static SqlClient Connect() { return ConnectSql(postgres_->url()); }
  static SqlClient After(const char* sql) {
    SqlClient client = Connect();
    PQclear(PQexec(client.get(), sql));
    return client;
  }

  static TestPostgres* postgres_;
  SystemClock clock_;
};
TestPostgres* PoolLive::postgres_ = nullptr;

double Count(const Sample& sample, const std::string& state) {
  return ValueOf(sample, "tierwatch_pool_connections", {state}).value_or(-1);
}

double Value(const Sample& sample, const std::string& metric) {
  return ValueOf(sample, "tierwatch_pool_" + metric).value_or(-1);
}

TEST_F(PoolLive, SeesEveryClientInItsState) {
  const Target target = Make("watcher");
  EXPECT_EQ(target.name, postgres_->name());
  Sample sample = CollectOnce(target, clock_);
  EXPECT_EQ(ErrorsOf(sample), "");
  EXPECT_EQ(Count(sample, "active"), 1);  // the one that asks
  EXPECT_EQ(Count(sample, "idle_in_transaction"), 0);
  EXPECT_EQ(Value(sample, "oldest_transaction_seconds"), 0);
  EXPECT_EQ(Value(sample, "connections_max"), 100);  // PostgreSQL's defaults
  EXPECT_EQ(Value(sample, "connections_reserved"), 3);

  const SteadyTime begun = clock_.Steady();
  const SqlClient holder = After("BEGIN; LOCK TABLE orgs IN ACCESS EXCLUSIVE MODE");
  const SqlClient failed = After("BEGIN; SELECT 1 / 0");
  const SqlClient idle = Connect();
  const SqlClient waiter = Connect();
  ASSERT_EQ(PQsendQuery(waiter.get(), "SELECT count(*) FROM orgs"), 1);
  ASSERT_TRUE(WaitUntil([&] {
    sample = CollectOnce(target, clock_);
    return Value(sample, "lock_waiters") == 1 && Count(sample, "idle") == 1;
  })) << Value(sample, "lock_waiters")
      << " wait, " << Count(sample, "idle") << " idle";
  EXPECT_EQ(Count(sample, "active"), 2);
  EXPECT_EQ(Count(sample, "idle_in_transaction"), 1);
  EXPECT_EQ(Count(sample, "idle_in_transaction_aborted"), 1);

  std::this_thread::sleep_for(Millis{300});
  sample = CollectOnce(target, clock_);
  const double age = std::chrono::duration<double>(clock_.Steady() - begun).count();
  EXPECT_GE(Value(sample, "oldest_transaction_seconds"), 0.3);
  EXPECT_LE(Value(sample, "oldest_transaction_seconds"), age);
  EXPECT_GE(Value(sample, "oldest_idle_in_transaction_seconds"), 0.3);
  EXPECT_LE(Value(sample, "oldest_idle_in_transaction_seconds"), age);
}

// third → second → first, each waits for a row of the one before.
TEST_F(PoolLive, AChainOfThreeSessionsHasOneRootAndTwoWaits) {
  postgres_->Sql("CREATE TABLE chain AS SELECT n FROM generate_series(1, 2) n");
  const Target target = Make("watcher");
  Sample sample = CollectOnce(target, clock_);
  EXPECT_EQ(Value(sample, "lock_chain_depth"), 0);
  EXPECT_EQ(Value(sample, "root_blockers"), 0);
  EXPECT_EQ(Value(sample, "oldest_lock_wait_seconds"), 0);

  const SteadyTime begun = clock_.Steady();
  const SqlClient first = After("BEGIN; UPDATE chain SET n = n WHERE n = 1");
  const SqlClient second = After("BEGIN; UPDATE chain SET n = n WHERE n = 2");
  ASSERT_EQ(PQsendQuery(second.get(), "UPDATE chain SET n = n WHERE n = 1"), 1);
  const SqlClient third = Connect();
  ASSERT_EQ(PQsendQuery(third.get(), "UPDATE chain SET n = n WHERE n = 2"), 1);
  ASSERT_TRUE(WaitUntil([&] {
    sample = CollectOnce(target, clock_);
    return Value(sample, "lock_chain_depth") == 2 &&
           Value(sample, "oldest_lock_wait_seconds") >= 0.3;
  })) << ErrorsOf(sample)
      << Value(sample, "lock_chain_depth") << " deep";
  EXPECT_EQ(ErrorsOf(sample), "");
  EXPECT_EQ(Value(sample, "lock_waiters"), 2);
  EXPECT_EQ(Value(sample, "root_blockers"), 1);
  EXPECT_LE(Value(sample, "oldest_lock_wait_seconds"),
            std::chrono::duration<double>(clock_.Steady() - begun).count());
  PQclear(PQexec(first.get(), "COMMIT"));
  while (PGresult* result = PQgetResult(second.get())) PQclear(result);
  PQclear(PQexec(second.get(), "COMMIT"));
  while (PGresult* result = PQgetResult(third.get())) PQclear(result);
  sample = CollectOnce(target, clock_);
  EXPECT_EQ(Value(sample, "lock_chain_depth"), 0);
  EXPECT_EQ(Value(sample, "oldest_lock_wait_seconds"), 0);
}

TEST_F(PoolLive, ApplicationsWithMostConnectionsHaveNames) {
  const auto connect = [](const std::string& application) {
    return ConnectSql(postgres_->url() + "?application_name=" + application);
  };
  std::vector<SqlClient> clients;
  for (int i = 0; i < 3; ++i) clients.push_back(connect("api"));
  for (int i = 0; i < 6; ++i) clients.push_back(connect("job" + std::to_string(i)));
  const auto count = [](const Sample& sample, const std::vector<std::string>& labels) {
    return ValueOf(sample, "tierwatch_pool_application_connections", labels).value_or(0);
  };
  const Target target =
      MakeTarget(&ReadPool, "targets: [\"" + postgres_->url("watcher") + "\"]\ntop: 1");
  Sample sample;
  // Until the clients of before have left; the one that asks and six jobs have no name.
  ASSERT_TRUE(WaitUntil([&] {
    sample = CollectOnce(target, clock_);
    return Count(sample, "idle") == 9;
  })) << ErrorsOf(sample);
  EXPECT_EQ(ErrorsOf(sample), "");
  EXPECT_EQ(count(sample, {"postgres", "tw", "api", "idle"}), 3);
  EXPECT_EQ(count(sample, {"other", "idle"}), 6);
  EXPECT_EQ(count(sample, {"other", "active"}), 1);
  EXPECT_EQ(count(sample, {"job0"}), 0);
}

// A replica's sender has a slot of its own kind: it takes no client's place.
TEST_F(PoolLive, ReplicasAreNoClients) {
  const TestPostgres replica(*postgres_, "follower", false);
  const Target target = Make("watcher");
  ASSERT_TRUE(WaitUntil([] {
    return postgres_->Sql("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'") ==
           "1";
  }));
  Sample sample;
  EXPECT_TRUE(WaitUntil([&] {  // until the clients of before have left
    sample = CollectOnce(target, clock_);
    double clients = 0;
    for (const auto& family : sample.families) {
      if (family.name != "tierwatch_pool_connections") continue;
      for (const auto& metric : family.metric) clients += metric.gauge.value;
    }
    return clients == 1;
  }));
  const Target on_replica = MakeTarget(&ReadPool, "targets: [\"" + replica.url() + "\"]");
  sample = CollectOnce(on_replica, clock_);
  EXPECT_EQ(ErrorsOf(sample), "");
  EXPECT_EQ(Count(sample, "active"), 1);
}

TEST_F(PoolLive, WithoutRightsThereAreTheLimitsAndAReason) {
  const SqlClient other = Connect();
  const Sample sample = CollectOnce(Make("plain"), clock_);
  EXPECT_TRUE(sample.up);
  EXPECT_TRUE(HasError(sample, Reason::kPrivileges)) << ErrorsOf(sample);
  EXPECT_EQ(Value(sample, "connections_max"), 100);
  EXPECT_EQ(Count(sample, "active"), -1);
  EXPECT_EQ(Value(sample, "oldest_transaction_seconds"), -1);
}

}  // namespace
}  // namespace tierwatch
