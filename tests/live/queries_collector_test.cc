// The collector `queries` against a real pg_stat_statements; values by counting what the test ran.
#include <gtest/gtest.h>

#include <sstream>

#include "collectors/queries.h"
#include "tests/support/collect.h"
#include "tests/support/postgres_server.h"

namespace tierwatch {
namespace {

class QueriesLive : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (!HasPostgres()) return;
    postgres_ = new TestPostgres;
    postgres_->Sql(
        "CREATE ROLE watcher LOGIN; GRANT pg_monitor TO watcher; CREATE TABLE orgs (n int); "
        "CREATE SCHEMA \"odd schema\"; "
        "GRANT USAGE ON SCHEMA \"odd schema\" TO watcher");
    postgres_->Sql("CREATE DATABASE bare");
  }
  static void TearDownTestSuite() {
    delete postgres_;
    postgres_ = nullptr;
  }
  void SetUp() override {
    if (postgres_ == nullptr) GTEST_SKIP() << "PostgreSQL's server is not installed";
    postgres_->Sql("DROP EXTENSION IF EXISTS pg_stat_statements");
  }
  static void CreateExtension(const std::string& more = "") {
    postgres_->Sql("CREATE EXTENSION pg_stat_statements " + more);
  }
  static Target Make(const std::string& role, const std::string& more = "") {
    return MakeTarget(&ReadQueries, "targets: [\"" + postgres_->url(role) + "\"]\n" + more);
  }
  // The server's own name of a statement.
  static std::string IdOf(const std::string& text) {
    return postgres_->Sql("SELECT DISTINCT queryid FROM pg_stat_statements WHERE query = '" + text +
                          "'");
  }
  static double Total(const Sample& sample, const std::string& metric, const std::string& label) {
    return ValueOf(sample, "tierwatch_" + metric + "_total", {label}).value_or(-1);
  }

  static TestPostgres* postgres_;
  SystemClock clock_;
};
TestPostgres* QueriesLive::postgres_ = nullptr;

TEST_F(QueriesLive, CountsWhatRan) {
  CreateExtension("SCHEMA \"odd schema\"");
  postgres_->Sql("SELECT \"odd schema\".pg_stat_statements_reset()");
  postgres_->Sql("INSERT INTO orgs SELECT generate_series(1, 1000)");
  postgres_->Sql("SELECT pg_sleep(0.2)");
  postgres_->Sql("SET ROLE plain; SELECT pg_sleep(0.1)");  // the same statement of another role
  const Target target = Make("watcher");
  EXPECT_EQ(target.name, postgres_->name());
  const Sample sample = CollectOnce(target, clock_);
  EXPECT_TRUE(sample.up);
  EXPECT_EQ(ErrorsOf(sample), "");
  const auto id = [](const std::string& text) {
    return postgres_->Sql(
        "SELECT DISTINCT queryid FROM \"odd schema\".pg_stat_statements WHERE "
        "query = '" +
        text + "'");
  };
  const std::string sleep = id("SELECT pg_sleep($1)");
  EXPECT_EQ(Total(sample, "query_calls", sleep), 2);
  EXPECT_EQ(Total(sample, "query_rows", sleep), 2);
  EXPECT_GE(Total(sample, "query_duration_seconds", sleep), 0.3);
  EXPECT_LT(Total(sample, "query_duration_seconds", sleep), 30);
  const std::string insert = id("INSERT INTO orgs SELECT generate_series($1, $2)");
  EXPECT_EQ(Total(sample, "query_rows", insert), 1000);
  EXPECT_EQ(Total(sample, "query_blocks_hit", insert) + Total(sample, "query_blocks_read", insert),
            std::stod(postgres_->Sql(
                "SELECT shared_blks_hit + shared_blks_read FROM \"odd schema\".pg_stat_statements "
                "WHERE queryid = " +
                insert)));
  EXPECT_EQ(Total(sample, "query_calls", "other"), 0);
}

// A server's library still speaks 1.7, as after an upgrade without ALTER EXTENSION UPDATE.
TEST_F(QueriesLive, TheExtensionsVersionDecidesNotTheServers) {
  std::istringstream versions(
      postgres_->Sql("SELECT version FROM pg_available_extension_versions WHERE name = "
                     "'pg_stat_statements' AND string_to_array(version, '.')::int[] >= '{1,7}'"));
  int tried = 0;
  for (std::string version; std::getline(versions, version); ++tried) {
    postgres_->Sql("DROP EXTENSION IF EXISTS pg_stat_statements");
    postgres_->Sql("CREATE EXTENSION pg_stat_statements VERSION '1.4'");
    postgres_->Sql(std::string("ALTER EXTENSION pg_stat_statements UPDATE TO '") + version + "'");
    postgres_->Sql("SELECT pg_stat_statements_reset()");
    postgres_->Sql("SELECT pg_sleep(0.05)");
    const Sample sample = CollectOnce(Make("watcher"), clock_);
    EXPECT_EQ(ErrorsOf(sample), "") << version;
    const std::string sleep = IdOf("SELECT pg_sleep($1)");
    EXPECT_EQ(Total(sample, "query_calls", sleep), 1) << version;
    EXPECT_GE(Total(sample, "query_duration_seconds", sleep), 0.05) << version;
    EXPECT_LT(Total(sample, "query_duration_seconds", sleep), 30) << version;
  }
  EXPECT_GE(tried, 1);
}

TEST_F(QueriesLive, TheRestIsOneAndGrowsByWhatItDid) {
  CreateExtension();
  postgres_->Sql("SELECT pg_stat_statements_reset()");
  postgres_->Sql("SELECT pg_sleep(0.5)");
  postgres_->Sql("SELECT count(*) FROM orgs");
  const Target target = Make("watcher", "top: 1");
  Sample sample = CollectOnce(target, clock_);
  const std::string sleep = IdOf("SELECT pg_sleep($1)");
  EXPECT_EQ(Total(sample, "query_calls", sleep), 1);
  EXPECT_EQ(Total(sample, "query_calls", "other"), 0);
  const auto others = [&] { return Total(CollectOnce(target, clock_), "query_calls", "other"); };
  others();  // IdOf's own statement is in it
  const double before = others();
  const double after = others();  // what one sampling asks is in the next one's sum
  EXPECT_GT(after, before);
  for (int i = 0; i < 5; ++i) postgres_->Sql("SELECT count(*) FROM orgs");
  sample = CollectOnce(target, clock_);
  const double last = Total(sample, "query_calls", "other");
  EXPECT_EQ(last, after + (after - before) + 5);
  EXPECT_EQ(Total(sample, "query_calls", sleep), 1);
  postgres_->Sql("SELECT pg_stat_statements_reset()");
  EXPECT_GE(others(), last);
}

// What a version of the extension doesn't measure is absent.
TEST_F(QueriesLive, TellsWhatAStatementCostsBesidesTime) {
  CreateExtension();
  postgres_->Sql("SELECT pg_stat_statements_reset()");
  postgres_->Sql(
      "SET work_mem = '64kB'; SELECT count(*) FROM (SELECT generate_series(1, 100000) AS n "
      "ORDER BY n DESC OFFSET 1) sorted");
  postgres_->Sql("CREATE TABLE IF NOT EXISTS written (n int); INSERT INTO written VALUES (1)");
  const std::string sort = postgres_->Sql(
      "SELECT queryid FROM pg_stat_statements WHERE query LIKE '%sorted%' AND temp_blks_written > "
      "0");
  const std::string written = postgres_->Sql(
      "SELECT queryid FROM pg_stat_statements WHERE query LIKE 'INSERT INTO written%'");
  const std::string version = postgres_->Sql(
      "SELECT split_part(extversion, '.', 2) FROM pg_extension WHERE extname = "
      "'pg_stat_statements'");
  Sample sample = CollectOnce(Make("watcher"), clock_);
  EXPECT_EQ(ErrorsOf(sample), "");
  // 100,000 numbers don't fit into 64 KiB.
  EXPECT_GT(Total(sample, "query_temp_bytes", sort), 100'000 * 4);
  EXPECT_EQ(Total(sample, "query_temp_bytes", written), 0);
  EXPECT_EQ(Total(sample, "query_io_duration_seconds", written), -1);  // track_io_timing is off
  EXPECT_EQ(Total(sample, "query_plan_duration_seconds", written), -1);
  if (std::stoi(version) >= 8) {
    EXPECT_GT(Total(sample, "query_wal_bytes", written), 32);
    EXPECT_EQ(Total(sample, "query_wal_bytes", sort), 0);
  } else {
    EXPECT_EQ(Total(sample, "query_wal_bytes", written), -1);
  }
  const auto reset = ValueOf(sample, "tierwatch_statements_reset_timestamp_seconds", {});
  if (std::stoi(version) >= 9) {
    EXPECT_EQ(ValueOf(sample, "tierwatch_statements_evictions_total", {}), 0);
    EXPECT_NEAR(reset.value_or(0), static_cast<double>(clock_.Now()) / 1000, 600);
  } else {
    EXPECT_EQ(reset, std::nullopt);
  }
}

TEST_F(QueriesLive, TextsAreToldOutsideOfTheSampleAndWithoutConstants) {
  CreateExtension();
  postgres_->Sql("SELECT pg_stat_statements_reset()");
  postgres_->Sql("SELECT count(*) FROM orgs WHERE n = 4711");
  postgres_->Sql("ALTER ROLE watcher PASSWORD 'secret'");
  const auto texts = [this](const Target& target) {
    CollectOnce(target, clock_);
    AfterSample(target, clock_);
    std::string all;
    const Sample sample = CollectOnce(target, clock_);
    EXPECT_EQ(ErrorsOf(sample), "");
    if (!sample.statement_texts) return std::string("none");
    for (const StatementText& each : *sample.statement_texts) {
      all += each.database + ": " + each.text + "\n";
    }
    return all;
  };
  const std::string told = texts(Make("watcher", "texts: true"));
  EXPECT_NE(told.find("postgres: SELECT count(*) FROM orgs WHERE n = $1\n"), std::string::npos)
      << told;
  EXPECT_EQ(told.find("secret"), std::string::npos) << told;
  EXPECT_EQ(texts(Make("watcher")), "none");
}

TEST_F(QueriesLive, DatabasesCountWithoutTheExtension) {
  const double commits = std::stod(
      postgres_->Sql("SELECT xact_commit FROM pg_stat_database WHERE datname = 'postgres'"));
  const Sample sample = CollectOnce(Make("watcher"), clock_);
  EXPECT_TRUE(sample.up);
  EXPECT_EQ(ErrorsOf(sample),
            "pg_stat_statements is not in the database \"postgres\": CREATE EXTENSION "
            "pg_stat_statements\n");
  EXPECT_EQ(Total(sample, "query_calls", "other"), -1);
  EXPECT_GE(Total(sample, "database_commits", "postgres"), commits);
  EXPECT_EQ(Total(sample, "database_deadlocks", "bare"), 0);
  EXPECT_EQ(Total(sample, "database_commits", "template0"), -1);
}

TEST_F(QueriesLive, CountsCheckpointsWalAndSessions) {
  const int version = std::stoi(postgres_->Sql("SHOW server_version_num"));
  const Target target = Make("watcher");
  const Sample before = CollectOnce(target, clock_);
  const auto grown = [&](const std::string& metric, const std::string& label = "") {
    const std::vector<std::string> labels =
        label.empty() ? std::vector<std::string>{} : std::vector{label};
    const std::string name = "tierwatch_" + metric + "_total";
    const auto then = ValueOf(before, name, labels);
    const auto now = ValueOf(CollectOnce(target, clock_), name, labels);
    return then && now ? *now - *then : -1;
  };
  postgres_->Sql("INSERT INTO orgs SELECT generate_series(1, 10000)");
  postgres_->Sql("CHECKPOINT");
  // A row of one number takes at least 32 bytes; statistics arrive within a second.
  EXPECT_TRUE(WaitUntil([&] { return grown("wal_bytes") > 10'000 * 32; }));
  EXPECT_TRUE(WaitUntil([&] { return grown("checkpoints", "requested") >= 1; }))
      << grown("checkpoints", "requested");
  EXPECT_EQ(grown("checkpoints", "timed"), 0);
  EXPECT_TRUE(WaitUntil([&] { return grown("checkpoint_buffers_written") > 0; }));
  EXPECT_GE(grown("checkpoint_write_seconds"), 0);
  EXPECT_GE(grown("checkpoint_sync_seconds"), 0);
  if (version >= 140000) {
    EXPECT_TRUE(WaitUntil([&] { return grown("wal_records") > 10'000; }));
    EXPECT_TRUE(WaitUntil([&] { return grown("wal_writes") > 0; }));
    EXPECT_TRUE(WaitUntil([&] { return grown("database_sessions", "postgres") >= 2; }));
    EXPECT_GE(grown("wal_full_page_images"), 0);
    EXPECT_GE(grown("wal_buffers_full"), 0);
    EXPECT_EQ(grown("database_sessions_killed", "postgres"), 0);
  } else {
    EXPECT_EQ(grown("wal_records"), -1);
    EXPECT_EQ(grown("database_sessions", "postgres"), -1);
  }
  EXPECT_EQ(grown("wal_write_seconds"), -1);  // track_wal_io_timing is off
}

TEST_F(QueriesLive, WithoutRightsStatementsAreLeftOutAsAWhole) {
  CreateExtension();
  postgres_->Sql("SELECT 1");
  const Sample sample = CollectOnce(Make("plain"), clock_);
  EXPECT_TRUE(sample.up);
  EXPECT_TRUE(HasError(sample, Reason::kPrivileges)) << ErrorsOf(sample);
  EXPECT_EQ(Total(sample, "query_calls", "other"), -1);
  EXPECT_GT(Total(sample, "database_commits", "postgres"), 0);
}

}  // namespace
}  // namespace tierwatch
