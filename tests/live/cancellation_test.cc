// Samples that are given up while their query hangs: it ends on the server too, which is asked
// directly or behind a PgBouncer that pools transactions.
#include <gtest/gtest.h>

#include <optional>
#include <thread>

#include "collectors/queries.h"
#include "tests/support/collect.h"
#include "tests/support/pgbouncer_server.h"
#include "tests/support/sql_client.h"

namespace tierwatch {
namespace {

// The parameter: by way of PgBouncer.
class CancellationLive : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    if (!HasPgBouncer()) GTEST_SKIP() << "PostgreSQL's server or PgBouncer is not installed";
    postgres_.emplace();
    postgres_->Sql("CREATE EXTENSION pg_stat_statements");
    if (GetParam()) pgbouncer_.emplace(*postgres_);
    const std::string url = GetParam() ? pgbouncer_->url("app:apppass") : postgres_->url();
    target_ = MakeTarget(&ReadQueries, "targets: [\"" + url + "\"]");
    const Sample sample = CollectOnce(target_, clock_);
    EXPECT_TRUE(sample.up && sample.errors.empty()) << ErrorsOf(sample);
  }

  // What the extension's function, which the collector calls, does from now on.
  void InTheWay(const std::string& body) {
    const std::string sql = postgres_->Sql(
        "SELECT format('CREATE OR REPLACE FUNCTION pg_stat_statements(%s) RETURNS SETOF record "
        "LANGUAGE plpgsql VOLATILE AS ', pg_get_function_arguments(oid)) || "
        "quote_literal('" +
        body + "') FROM pg_proc WHERE oid = 'pg_stat_statements(boolean)'::regprocedure");
    postgres_->Sql(sql);
  }
  int Active() {
    return std::stoi(
        postgres_->Sql("SELECT count(*) FROM pg_stat_activity WHERE application_name = "
                       "'tierwatch' AND state = 'active'"));
  }
  bool EndsOnTheServer() {
    return WaitUntil([this] { return Active() == 0; }, Millis{20'000});
  }
  // Ends by itself in a minute, by the collector's deadline in two, or when it is told to.
  Sample GiveUp() {
    std::stop_source stop;
    const std::jthread stopper([&] {
      EXPECT_TRUE(WaitUntil([this] { return Active() == 1; }));
      stop.request_stop();
    });
    return target_.collector->Collect(
        {clock_, clock_.Steady() + Millis{120'000}, stop.get_token()});
  }

  std::optional<TestPostgres> postgres_;
  std::optional<TestPgBouncer> pgbouncer_;
  Target target_;
  SystemClock clock_;
};

TEST_P(CancellationLive, AtTheDeadline) {
  InTheWay("BEGIN PERFORM pg_sleep(60); END");
  for (int i = 0; i < 5; ++i) {
    const Sample sample = CollectOnce(target_, clock_, Millis{600});
    EXPECT_TRUE(HasError(sample, Reason::kTimeout)) << ErrorsOf(sample);
    EXPECT_LE(Active(), 1);
  }
  EXPECT_TRUE(EndsOnTheServer());
  InTheWay("BEGIN END");
  EXPECT_TRUE(CollectOnce(target_, clock_).up);
}

TEST_P(CancellationLive, WhenStopped) {
  InTheWay("BEGIN PERFORM pg_sleep(60); END");
  for (int i = 0; i < 3; ++i) {
    const Sample sample = GiveUp();
    EXPECT_NE(ErrorsOf(sample).find("cancelled"), std::string::npos) << ErrorsOf(sample);
    EXPECT_TRUE(EndsOnTheServer());
  }
}

// What answers to no statement_timeout ends with the connection; before PostgreSQL 14 nothing would
// end it.
TEST_P(CancellationLive, EvenWhatCatchesTheServersTimeout) {
  const bool told = std::stoi(postgres_->Sql("SHOW server_version_num")) >= 140000;
  InTheWay(told ? "BEGIN LOOP BEGIN PERFORM pg_sleep(60); EXCEPTION WHEN query_canceled THEN END; "
                  "END LOOP; END"
                : "BEGIN PERFORM pg_sleep(60); END");
  for (int i = 0; i < 3; ++i) {
    const Sample sample = CollectOnce(target_, clock_, Millis{600});
    EXPECT_TRUE(HasError(sample, Reason::kTimeout)) << ErrorsOf(sample);
  }
  EXPECT_TRUE(EndsOnTheServer());
  InTheWay("BEGIN END");
  // Connecting is tried again later after it failed: PgBouncer's one connection was taken.
  EXPECT_TRUE(WaitUntil([this] { return CollectOnce(target_, clock_).up; }));
}

TEST_P(CancellationLive, WaitingForALock) {
  const SqlClient holder = ConnectSql(postgres_->url());
  PQclear(PQexec(holder.get(), "BEGIN; LOCK TABLE pg_database, pg_extension"));
  for (int i = 0; i < 5; ++i) {
    const Sample sample = CollectOnce(target_, clock_, Millis{1'000});
    EXPECT_TRUE(HasError(sample, Reason::kLock)) << ErrorsOf(sample);
  }
  EXPECT_TRUE(WaitUntil([&] {
    PGresult* const result =
        PQexec(holder.get(),
               "SELECT FROM pg_stat_get_activity(NULL) WHERE application_name = 'tierwatch' "
               "AND state = 'active'");
    const int active = PQntuples(result);
    PQclear(result);
    return active == 0;
  }));
  PQclear(PQexec(holder.get(), "ROLLBACK"));
  EXPECT_TRUE(CollectOnce(target_, clock_).up);
}

INSTANTIATE_TEST_SUITE_P(, CancellationLive, testing::Bool(), [](const auto& one) {
  return one.param ? "ThroughPgBouncer" : "Directly";
});

}  // namespace
}  // namespace tierwatch
