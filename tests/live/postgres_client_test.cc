// The PostgreSQL client against a real server: settings, deadlines, cancelling, sharing, reasons.
#include "collectors/client/postgres_client.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <thread>

#include "base/clock.h"
#include "tests/support/postgres_server.h"

namespace tierwatch {
namespace {

class PostgresClient : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (HasPostgres()) postgres_ = new TestPostgres;
  }
  static void TearDownTestSuite() {
    delete postgres_;
    postgres_ = nullptr;
  }
  void SetUp() override {
    if (postgres_ == nullptr) GTEST_SKIP() << "PostgreSQL's server is not installed";
  }

  PostgresCall In(Millis time, std::stop_token stop = {}) {
    return PostgresCall{clock_, clock_.Steady() + time, std::move(stop)};
  }
  std::shared_ptr<PostgresServer> Server(const std::string& url, const Secret& password = {}) {
    return servers_.Get(*ParsePostgresAddress(url), password);
  }
  double Since(SteadyTime start) {
    return std::chrono::duration<double>(clock_.Steady() - start).count();
  }
  static std::string Backends() {
    return postgres_->Sql(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'tierwatch'");
  }

  static TestPostgres* postgres_;
  SystemClock clock_;
  PostgresServers servers_;
};
TestPostgres* PostgresClient::postgres_ = nullptr;

TEST_F(PostgresClient, GivesRowsAsTextWithNulls) {
  auto session = Server(postgres_->url())->Open(In(Millis{5'000}));
  ASSERT_TRUE(session.ok()) << session.error().message;
  EXPECT_GE(session->version(), 120000);
  const auto rows =
      session->Query("SELECT 1 AS a, NULL AS b, 'x' AS c UNION ALL SELECT 2, '', 'y' ORDER BY 1");
  ASSERT_TRUE(rows.ok()) << rows.error().message;
  EXPECT_EQ(rows->columns, (std::vector<std::string>{"a", "b", "c"}));
  ASSERT_EQ(rows->rows.size(), 2u);
  EXPECT_EQ(rows->rows[0][1], std::nullopt);
  EXPECT_EQ(rows->rows[1][1], "");
}

TEST_F(PostgresClient, SettingsTravelWithEachQueryAndStayInIt) {
  auto session = Server(postgres_->url())->Open(In(Millis{5'000}));
  ASSERT_TRUE(session.ok());
  const auto setting = [&](const std::string& name) {
    const auto rows = session->Query("SELECT current_setting('" + name + "')");
    return rows.ok() ? *rows->rows[0][0] : rows.error().message;
  };
  EXPECT_EQ(setting("transaction_read_only"), "on");
  EXPECT_EQ(setting("lock_timeout"), "250ms");
  EXPECT_EQ(setting("DateStyle"), "ISO, YMD");
  EXPECT_EQ(setting("TimeZone"), "UTC");
  EXPECT_EQ(setting("search_path"), "pg_catalog");
  EXPECT_EQ(setting("jit"), "off");
  EXPECT_EQ(setting("application_name"), "tierwatch");
  EXPECT_NE(setting("statement_timeout"), "0");
  EXPECT_EQ(postgres_->Sql("SELECT state || xact_start IS NULL FROM pg_stat_activity "
                           "WHERE application_name = 'tierwatch' AND state = 'idle' LIMIT 1"),
            "t");
}

TEST_F(PostgresClient, WritesNothing) {
  auto session = Server(postgres_->url())->Open(In(Millis{5'000}));
  ASSERT_TRUE(session.ok());
  EXPECT_FALSE(session->Query("CREATE TABLE public.never ()").ok());
  EXPECT_FALSE(session->Query("SELECT setval('s', 1) FROM (SELECT 1) x").ok());
  EXPECT_TRUE(session->Query("SELECT 1").ok());
}

TEST_F(PostgresClient, TheServerEndsASlowQueryAndTheConnectionStays) {
  const auto server = Server(postgres_->url());
  {
    auto session = server->Open(In(Millis{5'000}));
    ASSERT_TRUE(session.ok());
    const SteadyTime start = clock_.Steady();
    const auto rows = session->Query("SELECT pg_sleep(60)", Millis{300});
    ASSERT_FALSE(rows.ok());
    EXPECT_EQ(rows.error().reason, Reason::kTimeout);
    EXPECT_LT(Since(start), 10);
    EXPECT_TRUE(session->Query("SELECT 1").ok());
  }
  EXPECT_EQ(Backends(), "1");
}

TEST_F(PostgresClient, AFrozenBackendCostsTheDeadlineAndOneConnection) {
  const auto server = Server(postgres_->url());
  pid_t backend = 0;
  {
    auto session = server->Open(In(Millis{5'000}));
    ASSERT_TRUE(session.ok());
    backend = std::stoi(*session->Query("SELECT pg_backend_pid()")->rows[0][0]);
  }
  ::kill(backend, SIGSTOP);
  {
    auto session = server->Open(In(Millis{400}));
    ASSERT_TRUE(session.ok());
    const SteadyTime start = clock_.Steady();
    const auto rows = session->Query("SELECT 1");
    ASSERT_FALSE(rows.ok());
    EXPECT_EQ(rows.error().reason, Reason::kTimeout) << rows.error().message;
    EXPECT_LT(Since(start), 10);
    EXPECT_FALSE(session->Query("SELECT 1").ok());
  }
  ::kill(backend, SIGCONT);
  EXPECT_TRUE(WaitUntil([] { return Backends() == "0"; }));
  auto session = server->Open(In(Millis{5'000}));
  ASSERT_TRUE(session.ok()) << session.error().message;
  EXPECT_TRUE(session->Query("SELECT 1").ok());
}

TEST_F(PostgresClient, AFrozenPostmasterTimesOutWithinTheDeadlineAndIsNotHammered) {
  const auto server = Server(postgres_->url("plain"));
  postgres_->process().Signal(SIGSTOP);
  const SteadyTime start = clock_.Steady();
  const auto session = server->Open(In(Millis{300}));
  const double first = Since(start);
  const auto again = server->Open(In(Millis{20'000}));
  const double second = Since(start) - first;
  postgres_->process().Signal(SIGCONT);
  ASSERT_FALSE(session.ok());
  EXPECT_EQ(session.error().reason, Reason::kTimeout) << session.error().message;
  EXPECT_LT(first, 10);
  ASSERT_FALSE(again.ok());
  EXPECT_LT(second, 10) << "tried again at once";
  std::this_thread::sleep_for(Millis{550});
  EXPECT_TRUE(server->Open(In(Millis{5'000})).ok());
}

TEST_F(PostgresClient, StopsAtOnceWhenAsked) {
  std::stop_source stop;
  // The server sleeps on until then, and the test that comes next waits for it to end.
  auto session = Server(postgres_->url())->Open(In(Millis{8'000}, stop.get_token()));
  ASSERT_TRUE(session.ok());
  std::jthread asker([&] {
    std::this_thread::sleep_for(Millis{200});
    stop.request_stop();
  });
  const SteadyTime start = clock_.Steady();
  const auto rows = session->Query("SELECT pg_sleep(60)");
  ASSERT_FALSE(rows.ok());
  EXPECT_EQ(rows.error().message, "cancelled");
  EXPECT_LT(Since(start), 5);
}

TEST_F(PostgresClient, WhatWasGivenUpEndsOnTheServerAndNothingPilesUp) {
  const auto server = Server(postgres_->url());
  const auto sleepers = [] {
    return postgres_->Sql(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'tierwatch' "
        "AND state = 'active' AND query LIKE '%pg_sleep%'");
  };
  for (int sample = 0; sample < 10; ++sample) {
    std::stop_source stop;
    auto session = server->Open(In(Millis{600}, stop.get_token()));
    ASSERT_TRUE(session.ok()) << session.error().message;
    std::jthread asker([&] {
      std::this_thread::sleep_for(Millis{200});
      if (sample % 2 == 0) stop.request_stop();
    });
    EXPECT_FALSE(session->Query("SELECT pg_sleep(60)").ok());
  }
  EXPECT_TRUE(WaitUntil([&] { return sleepers() == "0"; }));
  EXPECT_TRUE(WaitUntil([] { return Backends() <= "1"; }));
}

TEST_F(PostgresClient, BoundsBytesAndRows) {
  PostgresCall call = In(Millis{20'000});
  call.max_rows = 10;
  call.max_bytes = 4u << 20;
  auto session = Server(postgres_->url())->Open(call);
  ASSERT_TRUE(session.ok());
  const auto many = session->Query("SELECT * FROM generate_series(1, 11)");
  ASSERT_FALSE(many.ok());
  EXPECT_EQ(many.error().reason, Reason::kLimit);
  const auto huge =
      session->Query("SELECT repeat('x', 1000000), pg_sleep(0.01) FROM generate_series(1, 5000)");
  ASSERT_FALSE(huge.ok());
  EXPECT_EQ(huge.error().reason, Reason::kLimit) << huge.error().message;
}

TEST_F(PostgresClient, ReadsThePasswordAtEachAttemptAndNeverTellsIt) {
  TempDir dir;
  Secret secret;
  secret.file = dir.Write("password", "wr0ng-pass");
  const auto server = Server(postgres_->url("walled"), secret);
  const auto refused = server->Open(In(Millis{5'000}));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().reason, Reason::kAuth) << refused.error().message;
  EXPECT_EQ(refused.error().message.find("wr0ng"), std::string::npos);
  dir.Write("password", "s3cret\n");
  std::this_thread::sleep_for(Millis{550});
  const auto session = server->Open(In(Millis{5'000}));
  EXPECT_TRUE(session.ok()) << session.error().message;
}

TEST_F(PostgresClient, TellsReasonsApart) {
  const auto reason_of = [&](const std::string& url) {
    const auto session = Server(url)->Open(In(Millis{5'000}));
    return session.ok() ? Reason::kOther : session.error().reason;
  };
  EXPECT_EQ(reason_of("postgresql://tw@127.0.0.1:1/postgres"), Reason::kConnect);
  EXPECT_EQ(reason_of("postgresql://tw@" + postgres_->name() + "/nowhere"), Reason::kConnect);
  EXPECT_EQ(reason_of("postgresql://nobody@" + postgres_->name() + "/postgres"), Reason::kAuth);
  EXPECT_EQ(reason_of(postgres_->url("walled")), Reason::kAuth);
  EXPECT_EQ(reason_of(postgres_->url() + "?sslmode=require"), Reason::kTls);
  auto session = Server(postgres_->url("plain"))->Open(In(Millis{5'000}));
  ASSERT_TRUE(session.ok());
  EXPECT_EQ(session->Query("SELECT rolpassword FROM pg_authid").error().reason,
            Reason::kPrivileges);
}

TEST_F(PostgresClient, ARestartedServerIsReachedAgain) {
  const auto server = Server(postgres_->url());
  ASSERT_TRUE(server->Open(In(Millis{5'000})).ok());
  postgres_->Stop();
  EXPECT_FALSE(server->Open(In(Millis{1'000})).ok());
  postgres_->Start();
  std::this_thread::sleep_for(Millis{550});
  auto session = server->Open(In(Millis{5'000}));
  ASSERT_TRUE(session.ok()) << session.error().message;
  EXPECT_TRUE(session->Query("SELECT 1").ok());
}

TEST_F(PostgresClient, SessionsOfOneServerFollowOneAnother) {
  const auto server = Server(postgres_->url());
  EXPECT_EQ(server, Server(postgres_->url()));
  EXPECT_NE(server, Server(postgres_->url("plain")));
  std::optional<Result<PostgresSession>> first(server->Open(In(Millis{5'000})));
  ASSERT_TRUE(first->ok());
  const auto second = server->Open(In(Millis{200}));
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().reason, Reason::kTimeout);
  first.reset();
  EXPECT_TRUE(server->Open(In(Millis{200})).ok());
}

}  // namespace
}  // namespace tierwatch
