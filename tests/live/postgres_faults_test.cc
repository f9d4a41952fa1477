// Faults of a real PostgreSQL: under which reason they are counted, and that the other collectors
// of that server still give what they can.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <numeric>
#include <set>
#include <thread>

#include "collectors/collector.h"
#include "exporter/runner.h"
#include "tests/support/collect.h"
#include "tests/support/postgres_server.h"
#include "tests/support/sql_client.h"

namespace tierwatch {
namespace {

using Reasons = std::map<std::string, std::set<std::string>>;  // by collector

constexpr Millis kTimeout{5'000};

void Tell(const SqlClient& client, const std::string& sql) {
  PGresult* const result = PQexec(client.get(), sql.c_str());
  EXPECT_NE(PQresultStatus(result), PGRES_FATAL_ERROR) << sql << PQerrorMessage(client.get());
  PQclear(result);
}

// All collectors of one server, which share its connection, each under a runner.
class Watch {
 public:
  explicit Watch(const std::string& url, const std::string& of_partitions = "") {
    Add("replicas", "primary: \"" + url + "\"");
    for (const char* stem : {"pool", "queries"}) Add(stem, "targets: [\"" + url + "\"]");
    Add("partitions", "targets: [\"" + url + "\"]\n" + of_partitions);
  }

  // Samples each of them once.
  void Sample() {
    const SteadyTime start = clock_.Steady();
    for (auto& [stem, runner] : runners_) {
      runner->Sample({});
      for (const Error& error : runner->status().errors)
        told_.insert(stem + ": " + error.message + "\n");
    }
    EXPECT_LT(clock_.Steady() - start, 4 * Millis{10'000});
  }

  std::optional<double> Value(const std::string& stem, const std::string& name,
                              const std::vector<std::string>& labels = {}) const {
    return ValueOf(batches_.at(stem)->families, name, labels);
  }
  // The collectors that reached the server.
  std::set<std::string> Up() const {
    std::set<std::string> up;
    for (const auto& [stem, runner] : runners_) {
      if (Value(stem, "tierwatch_target_up") == 1) up.insert(stem);
    }
    return up;
  }
  // What has been counted so far.
  Reasons Counted() const {
    Reasons counted;
    for (const auto& [stem, batch] : batches_) {
      for (const auto& family : batch->families) {
        if (family.name != "tierwatch_target_errors_total") continue;
        for (const auto& metric : family.metric) {
          if (metric.counter.value > 0) counted[stem].insert(metric.label.back().value);
        }
      }
    }
    return counted;
  }
  // The errors of all samples, each once.
  std::string told() const { return std::accumulate(told_.begin(), told_.end(), std::string()); }

 private:
  void Add(const std::string& stem, const std::string& yaml) {
    for (const CollectorKind& kind : CollectorKinds()) {
      if (kind.stem != stem) continue;
      Target target = MakeTarget(kind.read, yaml, &resources_);
      WatchedTarget watched;
      watched.collector = stem;
      watched.timeout = kTimeout;
      watched.source = std::move(target.collector);
      const BatchSink sink = [this, stem](const BatchPtr& batch) { batches_[stem] = batch; };
      runners_[stem] =
          std::make_unique<TargetRunner>(std::move(watched), clock_, std::vector{sink}, *logger_);
    }
  }

  SystemClock clock_;
  std::unique_ptr<Logger> logger_ = MakeNullLogger();
  CollectorResources resources_;
  std::map<std::string, BatchPtr> batches_;
  std::map<std::string, std::unique_ptr<TargetRunner>> runners_;
  std::set<std::string> told_;
};

const std::set<std::string> kAll{"partitions", "pool", "queries", "replicas"};
Reasons AllFor(const std::string& reason) {
  Reasons all;
  for (const std::string& stem : kAll) all[stem] = {reason};
  return all;
}

class PostgresFaults : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (!HasPostgres()) return;
    postgres_ = new TestPostgres;
    postgres_->Sql(
        "CREATE ROLE watcher LOGIN; GRANT pg_monitor TO watcher; CREATE EXTENSION "
        "pg_stat_statements;"
        "CREATE TABLE orgs (n int PRIMARY KEY) PARTITION BY RANGE (n);"
        "CREATE TABLE orgs_1 PARTITION OF orgs FOR VALUES FROM (0) TO (10);"
        "CREATE TABLE orgs_2 PARTITION OF orgs FOR VALUES FROM (10) TO (20);"
        "CREATE TABLE orgs_rest PARTITION OF orgs DEFAULT;"
        "INSERT INTO orgs SELECT generate_series(0, 24); ANALYZE orgs;"
        "GRANT SELECT ON ALL TABLES IN SCHEMA public TO watcher");
  }
  static void TearDownTestSuite() {
    delete postgres_;
    postgres_ = nullptr;
  }
  void SetUp() override {
    if (postgres_ == nullptr) GTEST_SKIP() << "PostgreSQL's server is not installed";
  }
  // Takes settings that need a start, and back.
  static void Restart(const std::string& settings) {
    std::string rest = settings;
    for (std::size_t end = 0; (end = rest.find(';')) != std::string::npos; rest.erase(0, end + 1)) {
      postgres_->Sql("ALTER SYSTEM " + rest.substr(0, end));
    }
    postgres_->Sql("CHECKPOINT");  // it stops at once, and its commits are asynchronous
    postgres_->Stop();
    postgres_->Start();
  }

  static TestPostgres* postgres_;
};
TestPostgres* PostgresFaults::postgres_ = nullptr;

TEST_F(PostgresFaults, NoneIsCountedWhereNothingIsWrong) {
  Watch watch(postgres_->url("watcher"), "exact_sizes: {interval: 1m}");
  watch.Sample();
  EXPECT_EQ(watch.Counted(), Reasons{}) << watch.told();
  EXPECT_EQ(watch.Up(), kAll);
  EXPECT_EQ(watch.Value("partitions", "tierwatch_partition_default_has_rows", {"orgs"}), 1);
}

TEST_F(PostgresFaults, ALockOnEveryTableHidesWhatIsInThemAlone) {
  Watch watch(postgres_->url("watcher"),
              "exact_sizes: {interval: 1m}\ninteger_keys: {public.orgs: values}");
  const SqlClient locker = ConnectSql(postgres_->url());
  Tell(locker, "BEGIN; LOCK TABLE orgs IN ACCESS EXCLUSIVE MODE");
  watch.Sample();
  watch.Sample();
  EXPECT_EQ(watch.Counted(), (Reasons{{"partitions", {"lock"}}})) << watch.told();
  EXPECT_EQ(watch.Up(), kAll);
  EXPECT_EQ(watch.Value("partitions", "tierwatch_partitions", {"orgs"}), 3);
  EXPECT_EQ(watch.Value("partitions", "tierwatch_partition_rows_estimate", {"orgs"}), 25);
  EXPECT_FALSE(watch.Value("partitions", "tierwatch_partition_default_has_rows", {"orgs"}));
  EXPECT_FALSE(watch.Value("partitions", "tierwatch_partition_runway_values", {"orgs"}));
}

// To wait 250 ms for each of them is more than a sample has.
TEST_F(PostgresFaults, LocksOnManyTablesLeaveTheSampleItsTime) {
  postgres_->Sql(
      "CREATE SCHEMA many; DO $$ BEGIN FOR i IN 1..60 LOOP EXECUTE format('CREATE TABLE many.t%s "
      "(n int) PARTITION BY RANGE (n); CREATE TABLE many.t%s_rest PARTITION OF many.t%s DEFAULT', "
      "i, i, i); END LOOP; END $$");
  Watch watch(postgres_->url("tw"), "integer_keys: {\"many.*\": values}");
  const SqlClient locker = ConnectSql(postgres_->url());
  Tell(locker,
       "BEGIN; DO $$ BEGIN FOR i IN 1..60 LOOP EXECUTE format('LOCK TABLE many.t%s IN ACCESS "
       "EXCLUSIVE MODE', i); END LOOP; END $$");
  watch.Sample();
  Tell(locker, "ROLLBACK");
  postgres_->Sql("DROP SCHEMA many CASCADE");
  EXPECT_EQ(watch.Counted(), (Reasons{{"partitions", {"lock"}}})) << watch.told();
  EXPECT_EQ(watch.Up(), kAll);
  EXPECT_EQ(watch.Value("partitions", "tierwatch_partitions", {"t60"}), 1);
  // The table that nobody holds is the last by name.
  EXPECT_EQ(watch.Value("partitions", "tierwatch_partition_default_has_rows", {"orgs"}), 1);
}

TEST_F(PostgresFaults, ARoleWithoutRightsGetsWhatAnybodyMaySee) {
  const SqlClient other = ConnectSql(postgres_->url());
  Watch watch(postgres_->url("plain"),
              "exact_sizes: {interval: 1m}\ninteger_keys: {public.orgs: values}");
  watch.Sample();
  watch.Sample();
  const std::set<std::string> hidden{"privileges"};
  EXPECT_EQ(watch.Counted(),
            (Reasons{{"partitions", hidden}, {"pool", hidden}, {"queries", hidden}}))
      << watch.told();
  EXPECT_EQ(watch.Up(), kAll);
  EXPECT_EQ(watch.Value("replicas", "tierwatch_postgres_in_recovery"), 0);
  EXPECT_EQ(watch.Value("partitions", "tierwatch_partitions", {"orgs"}), 3);
  EXPECT_TRUE(watch.Value("partitions", "tierwatch_partition_disk_bytes", {"orgs"}));
  EXPECT_TRUE(watch.Value("queries", "tierwatch_database_commits_total", {"postgres"}));
  EXPECT_EQ(watch.Value("pool", "tierwatch_pool_connections_max"), 100);
}

TEST_F(PostgresFaults, ARoleThatMayNotComeInIsRefusedForItsReason) {
  postgres_->Sql("CREATE DATABASE closed");
  postgres_->Sql("CREATE DATABASE nobody ALLOW_CONNECTIONS false");
  postgres_->Sql(
      "REVOKE CONNECT ON DATABASE closed FROM PUBLIC; CREATE ROLE nologin; CREATE ROLE limited "
      "LOGIN CONNECTION LIMIT 0");
  const auto of = [&](const std::string& role, const std::string& database) {
    Watch watch("postgresql://" + role + "@" + postgres_->name() + "/" + database);
    watch.Sample();
    EXPECT_EQ(watch.Up(), std::set<std::string>{});
    return watch.Counted();
  };
  EXPECT_EQ(of("watcher", "closed"), AllFor("privileges"));
  EXPECT_EQ(of("watcher", "nobody"), AllFor("connect"));
  EXPECT_EQ(of("nologin", "postgres"), AllFor("auth"));
  EXPECT_EQ(of("limited", "postgres"), AllFor("connect"));
  postgres_->Sql("DROP DATABASE nobody");
  postgres_->Sql("DROP DATABASE closed");
}

TEST_F(PostgresFaults, AReplicaInThePlaceOfThePrimaryGivesWhatItHas) {
  const TestPostgres replica(*postgres_, "follower");
  Watch watch(replica.url("watcher"),
              "exact_sizes: {interval: 1m}\ninteger_keys: {public.orgs: values}");
  watch.Sample();
  watch.Sample();
  EXPECT_EQ(watch.Counted(), (Reasons{{"replicas", {"other"}}}));
  EXPECT_NE(watch.told().find("is in recovery"), std::string::npos) << watch.told();
  EXPECT_EQ(watch.Up(), kAll);
  EXPECT_EQ(watch.Value("replicas", "tierwatch_postgres_in_recovery"), 1);
  EXPECT_EQ(watch.Value("partitions", "tierwatch_partition_default_has_rows", {"orgs"}), 1);
  EXPECT_EQ(watch.Value("partitions", "tierwatch_partition_disk_bytes", {"orgs"}),
            std::stod(postgres_->Sql("SELECT sum(pg_total_relation_size(inhrelid)) FROM "
                                     "pg_inherits WHERE inhparent = 'orgs'::regclass")));
  EXPECT_EQ(watch.Value("pool", "tierwatch_pool_connections", {"active"}), 1);
}

TEST_F(PostgresFaults, AServerThatStartsUpOrShutsDownIsNotReached) {
  TestPostgres replica(*postgres_, "sleeper");
  replica.Sql("ALTER SYSTEM SET hot_standby = off");
  replica.Stop();
  replica.Start("started streaming");
  Watch starting(replica.url("watcher"));
  starting.Sample();
  EXPECT_EQ(starting.Counted(), AllFor("connect"));
  EXPECT_EQ(starting.Up(), std::set<std::string>{});
  EXPECT_NE(starting.told().find("57P03"), std::string::npos) << starting.told();

  TestPostgres leaving;
  const SqlClient last = ConnectSql(leaving.url());
  leaving.process().Signal(SIGTERM);  // a smart shutdown: it waits for this session's end
  ASSERT_TRUE(WaitUntil([&] {
    return leaving.process().Output().find("received smart shutdown") != std::string::npos;
  }));
  Watch watch(leaving.url());
  watch.Sample();
  EXPECT_EQ(watch.Counted(), AllFor("connect"));
  EXPECT_NE(watch.told().find("57P03"), std::string::npos) << watch.told();
}

TEST_F(PostgresFaults, AFullServerKeepsWhoIsThereAndRefusesWhoComes) {
  Restart("SET max_connections = 8; SET superuser_reserved_connections = 2;");
  Watch there(postgres_->url("watcher"));
  there.Sample();
  std::vector<SqlClient> others;
  for (int i = 0; i < 5; ++i) others.push_back(ConnectSql(postgres_->url("plain")));
  Watch comes(postgres_->url("watcher"));
  comes.Sample();
  EXPECT_EQ(comes.Counted(), AllFor("connect"));
  EXPECT_NE(comes.told().find("53300"), std::string::npos) << comes.told();
  there.Sample();
  EXPECT_EQ(there.Counted(), Reasons{}) << there.told();
  EXPECT_EQ(there.Up(), kAll);
  EXPECT_EQ(there.Value("pool", "tierwatch_pool_connections", {"idle"}), 5);
  EXPECT_EQ(there.Value("pool", "tierwatch_pool_connections_max"), 8);
  EXPECT_EQ(there.Value("pool", "tierwatch_pool_connections_reserved"), 2);
  for (int i = 0; i < 2; ++i) others.push_back(ConnectSql(postgres_->url("tw")));
  Watch of_superuser(postgres_->url("tw"));
  of_superuser.Sample();
  EXPECT_EQ(of_superuser.Counted(), AllFor("connect"));
  others.clear();
  Restart("RESET max_connections; RESET superuser_reserved_connections;");
}

TEST_F(PostgresFaults, StatementsThatNobodyCountsCostTheOthersNothing) {
  Restart("SET shared_preload_libraries = auto_explain;");
  Watch watch(postgres_->url("watcher"));
  watch.Sample();
  EXPECT_EQ(watch.Counted(), (Reasons{{"queries", {"other"}}})) << watch.told();
  EXPECT_NE(watch.told().find("shared_preload_libraries"), std::string::npos) << watch.told();
  EXPECT_EQ(watch.Up(), kAll);
  EXPECT_TRUE(watch.Value("queries", "tierwatch_database_commits_total", {"postgres"}));
  Restart("RESET shared_preload_libraries;");
}

// Tables go and come under the collector's hands, with each kind of question that is asked of them.
TEST_F(PostgresFaults, TablesThatAreDroppedMeanwhileAreNoError) {
  Watch watch(postgres_->url("tw"),
              "exact_sizes: {interval: 1m}\ninteger_keys: {\"churn.*\": values}\n"
              "top_partitions: 3\ntables: [\"churn.*\", \"public.*\"]");
  postgres_->Sql("CREATE SCHEMA churn");
  std::jthread churn([](const std::stop_token& stop) {
    const SqlClient client = ConnectSql(postgres_->url());
    while (!stop.stop_requested()) {
      Tell(client,
           "CREATE TABLE churn.a (n int) PARTITION BY RANGE (n);"
           "CREATE TABLE churn.a_1 PARTITION OF churn.a FOR VALUES FROM (0) TO (10);"
           "CREATE TABLE churn.a_rest PARTITION OF churn.a DEFAULT PARTITION BY RANGE (n);"
           "CREATE TABLE churn.a_rest_1 PARTITION OF churn.a_rest FOR VALUES FROM (20) TO (30)");
      Tell(client, "INSERT INTO churn.a VALUES (1), (25)");
      Tell(client, "DROP TABLE churn.a_1");
      Tell(client, "DROP TABLE churn.a");
    }
  });
  for (int sample = 0; sample < 100; ++sample) watch.Sample();
  churn.request_stop();
  churn.join();
  Reasons counted = watch.Counted();
  counted["partitions"].erase("lock");  // a table that is slow to go may be waited for in vain
  EXPECT_EQ(counted, (Reasons{{"partitions", {}}})) << watch.told();
  EXPECT_EQ(watch.Up(), kAll);
  EXPECT_EQ(watch.Value("partitions", "tierwatch_partitions", {"orgs"}), 3);
  postgres_->Sql("DROP SCHEMA churn CASCADE");
}

}  // namespace
}  // namespace tierwatch
