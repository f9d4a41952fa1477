// The collector `partitions` against a real PostgreSQL; values by hand arithmetic.
#include <gtest/gtest.h>

#include <thread>

#include "collectors/partitions.h"
#include "tests/support/collect.h"
#include "tests/support/postgres_server.h"

namespace tierwatch {
namespace {

class PartitionsLive : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (!HasPostgres()) return;
    postgres_ = new TestPostgres;
    // Of today's midnight in UTC: [-10, +5) and [+5, +10), a gap, [+20, +21); and a default with
    // two rows.
    postgres_->Sql(R"(
      SET timezone = 'UTC';
      CREATE TABLE events (at timestamptz NOT NULL, n int) PARTITION BY RANGE (at);
      DO $$ DECLARE d date := current_date; BEGIN
        EXECUTE format('CREATE TABLE e1 PARTITION OF events FOR VALUES FROM (%L) TO (%L)', d - 10, d + 5);
        EXECUTE format('CREATE TABLE e2 PARTITION OF events FOR VALUES FROM (%L) TO (%L)', d + 5, d + 10);
        EXECUTE format('CREATE TABLE e3 PARTITION OF events FOR VALUES FROM (%L) TO (%L)', d + 20, d + 21);
      END $$;
      CREATE TABLE "odd ""default" PARTITION OF events DEFAULT;
      INSERT INTO events SELECT current_date, g FROM generate_series(1, 900) g;
      INSERT INTO events SELECT current_date + 6, g FROM generate_series(1, 100) g;
      INSERT INTO events SELECT current_date - 1000, g FROM generate_series(1, 2) g;
      CREATE TABLE orgs (id bigint, day date) PARTITION BY HASH (id);
      CREATE TABLE orgs_0 PARTITION OF orgs FOR VALUES WITH (modulus 2, remainder 0) PARTITION BY RANGE (day);
      CREATE TABLE orgs_1 PARTITION OF orgs FOR VALUES WITH (modulus 2, remainder 1);
      CREATE TABLE orgs_0_all PARTITION OF orgs_0 FOR VALUES FROM (MINVALUE) TO (MAXVALUE);
      INSERT INTO orgs SELECT g, current_date FROM generate_series(1, 400) g;
      ANALYZE events, orgs;
      CREATE TABLE plain_inheritance (a int); CREATE TABLE child () INHERITS (plain_inheritance))");
  }
  static void TearDownTestSuite() {
    delete postgres_;
    postgres_ = nullptr;
  }
  void SetUp() override {
    if (postgres_ == nullptr) GTEST_SKIP() << "PostgreSQL's server is not installed";
  }
  static Target Make(const std::string& role = "tw", const std::string& more = "") {
    return MakeTarget(&ReadPartitions, "targets: [\"" + postgres_->url(role) + "\"]\n" + more);
  }

  static TestPostgres* postgres_;
  SystemClock clock_;
};
TestPostgres* PartitionsLive::postgres_ = nullptr;

TEST_F(PartitionsLive, ValuesAreThoseOfHandArithmetic) {
  const Target target = Make();
  EXPECT_EQ(target.name, postgres_->name());
  const Sample sample = CollectOnce(target, clock_);
  EXPECT_TRUE(sample.up);
  EXPECT_EQ(ErrorsOf(sample), "");
  const auto value = [&](const std::string& metric, const std::string& table) {
    return ValueOf(sample, "tierwatch_partition_" + metric, {"postgres", "public", table});
  };
  const auto number = [&](const std::string& of, const std::string& table) {
    return ValueOf(sample, "tierwatch_partitions" + of, {"postgres", "public", table});
  };
  const double now = static_cast<double>(clock_.Now()) / 1000;
  const double midnight = std::floor(now / 86400) * 86400;
  EXPECT_EQ(number("", "events"), 4);
  EXPECT_NEAR(value("runway_seconds", "events").value(), midnight + 10 * 86400 - now, 5);
  EXPECT_EQ(value("gaps", "events"), 1);
  EXPECT_EQ(value("lower_bound_timestamp_seconds", "events"), midnight - 10 * 86400);
  EXPECT_EQ(value("upper_bound_timestamp_seconds", "events"), midnight + 21 * 86400);
  EXPECT_EQ(value("default_exists", "events"), 1);
  EXPECT_EQ(value("default_has_rows", "events"), 1);
  EXPECT_EQ(value("default_rows_estimate", "events"), 2);
  EXPECT_EQ(value("rows_estimate", "events"), 1002);
  EXPECT_DOUBLE_EQ(value("skew_ratio", "events").value(), 900 * 4.0 / 1002);
  EXPECT_EQ(value("detach_pending", "events"), 0);

  EXPECT_EQ(number("", "orgs"), 2);
  EXPECT_EQ(number("_subpartitioned", "orgs"), 1);
  EXPECT_EQ(value("rows_estimate", "orgs"), 400);  // of both levels
  EXPECT_EQ(value("runway_seconds", "orgs"), std::nullopt);
  EXPECT_EQ(value("runway_seconds", "orgs_0"), INFINITY);
  EXPECT_EQ(value("default_exists", "orgs"), 0);
  EXPECT_EQ(value("default_has_rows", "orgs"), std::nullopt);
  EXPECT_EQ(number("", "plain_inheritance"), std::nullopt);
}

TEST_F(PartitionsLive, SizesAreTheServersOwn) {
  const Sample sample = CollectOnce(Make(), clock_);
  const double bytes =
      std::stod(postgres_->Sql("SELECT sum(pg_relation_size(inhrelid)) FROM pg_inherits WHERE "
                               "inhparent = 'events'::regclass"));
  EXPECT_EQ(ValueOf(sample, "tierwatch_partition_size_estimate_bytes", {"events"}), bytes);
}

TEST_F(PartitionsLive, GlobsChooseTables) {
  const Sample sample = CollectOnce(Make("tw", "tables: [\"public.orgs*\"]"), clock_);
  EXPECT_TRUE(ValueOf(sample, "tierwatch_partitions", {"orgs_0"}));
  EXPECT_FALSE(ValueOf(sample, "tierwatch_partitions", {"events"}));
}

TEST_F(PartitionsLive, WithoutRightsTheCatalogsStillTell) {
  const Sample sample = CollectOnce(Make("plain"), clock_);
  EXPECT_TRUE(HasError(sample, Reason::kPrivileges)) << ErrorsOf(sample);
  EXPECT_FALSE(ValueOf(sample, "tierwatch_partition_default_has_rows", {"events"}));
  EXPECT_EQ(ValueOf(sample, "tierwatch_partition_gaps", {"events"}), 1);
}

TEST_F(PartitionsLive, AnAccessExclusiveLockHoldsNothingUp) {
  const std::string& url = postgres_->url();
  Process locker({"psql", "-X", "-c",
                  "BEGIN; LOCK TABLE events IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(60)", url});
  ASSERT_TRUE(WaitUntil([] {
    return postgres_->Sql(
               "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted "
               "AND relation = 'events'::regclass::oid") == "1";
  }));
  const SteadyTime start = clock_.Steady();
  const Sample sample = CollectOnce(Make(), clock_);
  const auto took = clock_.Steady() - start;
  postgres_->Sql(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'BEGIN; LOCK%'");
  EXPECT_LT(took, Millis{10'000});
  EXPECT_EQ(ValueOf(sample, "tierwatch_partitions", {"events"}), 4);
  EXPECT_EQ(ValueOf(sample, "tierwatch_partition_gaps", {"events"}), 1);
  EXPECT_FALSE(ValueOf(sample, "tierwatch_partition_default_has_rows", {"events"}));
  EXPECT_TRUE(HasError(sample, Reason::kLock)) << ErrorsOf(sample);
}

TEST_F(PartitionsLive, SeesChangesOfBoundsAndCountsInsertsWithoutFalling) {
  postgres_->Sql(
      "CREATE TABLE log (n int) PARTITION BY RANGE (n); "
      "CREATE TABLE log_1 PARTITION OF log FOR VALUES FROM (0) TO (10);"
      "INSERT INTO log VALUES (1), (2)");
  const Target target = Make("tw", "tables: [\"public.log\"]");
  const auto inserts = [&] {
    return ValueOf(CollectOnce(target, clock_), "tierwatch_partition_inserts_total", {"log"})
        .value_or(-1);
  };
  EXPECT_TRUE(WaitUntil([&] { return inserts() == 2; }));
  EXPECT_EQ(ValueOf(CollectOnce(target, clock_), "tierwatch_partition_gaps", {"log"}), 0);
  postgres_->Sql("CREATE TABLE log_2 PARTITION OF log FOR VALUES FROM (20) TO (30)");
  EXPECT_EQ(ValueOf(CollectOnce(target, clock_), "tierwatch_partition_gaps", {"log"}), 1);
  postgres_->Sql("ALTER TABLE log DETACH PARTITION log_2");
  postgres_->Sql("ALTER TABLE log ATTACH PARTITION log_2 FOR VALUES FROM (10) TO (30)");
  EXPECT_EQ(ValueOf(CollectOnce(target, clock_), "tierwatch_partition_gaps", {"log"}), 0);
  postgres_->Sql("DROP TABLE log_1");
  EXPECT_EQ(inserts(), 2);
  postgres_->Sql("INSERT INTO log VALUES (20)");
  EXPECT_TRUE(WaitUntil([&] { return inserts() == 3; }));
  postgres_->Sql("DROP TABLE log");
}

TEST_F(PartitionsLive, AnUnreachableServerIsDown) {
  const Target target =
      MakeTarget(&ReadPartitions, "targets: [\"postgresql://tw@127.0.0.1:1/postgres\"]");
  const Sample sample = CollectOnce(target, clock_);
  EXPECT_FALSE(sample.up);
  EXPECT_TRUE(sample.families.empty());
  EXPECT_TRUE(HasError(sample, Reason::kConnect)) << ErrorsOf(sample);
}

}  // namespace
}  // namespace tierwatch
