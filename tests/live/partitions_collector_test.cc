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
  const bool detaches_concurrently = std::stoi(postgres_->Sql("SHOW server_version_num")) >= 140000;
  EXPECT_EQ(value("detach_pending", "events"),
            detaches_concurrently ? std::optional<double>(0) : std::nullopt);

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

// Whatever happens to partitions is in the next sample.
TEST_F(PartitionsLive, TheNextSampleKnowsOfEveryChange) {
  postgres_->Sql(
      "CREATE TABLE flow (n int) PARTITION BY RANGE (n);"
      "CREATE TABLE flow_1 PARTITION OF flow FOR VALUES FROM (0) TO (10);"
      "CREATE TABLE flow_2 PARTITION OF flow FOR VALUES FROM (10) TO (20) PARTITION BY LIST (n);"
      "CREATE TABLE flow_2a PARTITION OF flow_2 DEFAULT; CREATE TABLE flow_3 (n int);"
      "INSERT INTO flow SELECT generate_series(0, 14); INSERT INTO flow_3 VALUES (35), (36);"
      "ANALYZE flow_1, flow_2a, flow_3");
  const Target target =
      Make("tw", "tables: [\"public.flow\"]\ntop_partitions: 9\nprobe_default: false");
  // Partitions, gaps, rows of all leaves, rows of flow_3.
  const auto next = [&] {
    const Sample sample = CollectOnce(target, clock_);
    EXPECT_EQ(ErrorsOf(sample), "");
    std::string seen;
    for (const char* metric : {"partitions", "partition_gaps", "partition_rows_estimate",
                               "partition_top_rows_estimate"}) {
      const bool leaf = std::string_view(metric).find("top") != std::string_view::npos;
      const auto value =
          ValueOf(sample, std::string("tierwatch_") + metric, {"flow", leaf ? "flow_3" : "public"});
      seen += (seen.empty() ? "" : " ") + (value ? fmt::format("{}", *value) : "-");
    }
    return seen;
  };
  const auto after = [&](const std::string& sql) {
    postgres_->Sql(sql);
    return next();
  };
  EXPECT_EQ(next(), "2 0 15 -");
  EXPECT_EQ(after("ALTER TABLE flow ATTACH PARTITION flow_3 FOR VALUES FROM (30) TO (40)"),
            "3 1 17 2");
  EXPECT_EQ(after("ALTER TABLE flow DETACH PARTITION flow_3"), "2 0 15 -");
  EXPECT_EQ(after("ALTER TABLE flow ATTACH PARTITION flow_3 FOR VALUES FROM (20) TO (40)"),
            "3 0 17 2");
  EXPECT_EQ(after("BEGIN; ALTER TABLE flow DETACH PARTITION flow_3; ALTER TABLE flow ATTACH "
                  "PARTITION flow_3 FOR VALUES FROM (25) TO (40); COMMIT"),
            "3 1 17 2");
  EXPECT_EQ(after("ALTER TABLE flow_2 DETACH PARTITION flow_2a"), "3 1 12 2");
  EXPECT_EQ(after("ALTER TABLE flow_2 ATTACH PARTITION flow_2a DEFAULT"), "3 1 17 2");
  EXPECT_EQ(after("ALTER TABLE flow_3 RENAME TO flow_4"), "3 1 17 -");
  EXPECT_EQ(after("DROP TABLE flow_2"), "2 1 12 -");
  EXPECT_EQ(after("INSERT INTO flow SELECT 1 FROM generate_series(1, 5); ANALYZE flow_1"),
            "2 1 17 -");
  postgres_->Sql("DROP TABLE flow");
}

// A partition that nobody may touch: what the catalogs tell is whole, exact sizes but for its own.
TEST_F(PartitionsLive, ALockedPartitionLeavesTheOverviewWhole) {
  postgres_->Sql(
      "CREATE TABLE held (n int PRIMARY KEY) PARTITION BY RANGE (n);"
      "CREATE TABLE held_1 PARTITION OF held FOR VALUES FROM (0) TO (10);"
      "CREATE TABLE held_2 PARTITION OF held FOR VALUES FROM (10) TO (20);"
      "INSERT INTO held SELECT generate_series(0, 14); ANALYZE held");
  const Target target = Make("tw",
                             "tables: [\"public.held\"]\ntop_partitions: 5\n"
                             "exact_sizes: {interval: 1m}\nprobe_default: false");
  Process locker({"psql", "-X", "-c",
                  "BEGIN; LOCK TABLE held_2 IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(60)",
                  postgres_->url()});
  ASSERT_TRUE(WaitUntil([] {
    return postgres_->Sql(
               "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted "
               "AND relation = 'held_2'::regclass::oid") == "1";
  }));
  const Sample sample = CollectOnce(target, clock_);
  AfterSample(target, clock_);
  const Sample later = CollectOnce(target, clock_);
  postgres_->Sql(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'BEGIN; LOCK%'");
  EXPECT_EQ(ErrorsOf(sample), "");
  EXPECT_EQ(ErrorsOf(later), "");
  EXPECT_EQ(ValueOf(sample, "tierwatch_partitions", {"held"}), 2);
  EXPECT_EQ(ValueOf(sample, "tierwatch_partition_gaps", {"held"}), 0);
  EXPECT_EQ(ValueOf(sample, "tierwatch_partition_rows_estimate", {"held"}), 15);
  EXPECT_EQ(ValueOf(sample, "tierwatch_partition_top_rows_estimate", {"held_1"}), 10);
  EXPECT_EQ(ValueOf(sample, "tierwatch_partition_top_rows_estimate", {"held_2"}), 5);
  // The size of held_2 is not known, so that of the whole is not.
  EXPECT_TRUE(ValueOf(later, "tierwatch_partition_disk_measured_timestamp_seconds"));
  EXPECT_FALSE(ValueOf(later, "tierwatch_partition_disk_bytes", {"held"}));
  postgres_->Sql("DROP TABLE held");
}

TEST_F(PartitionsLive, TheLargestLeavesHaveNamesAndTheRestIsOne) {
  const Target target = Make("tw",
                             "tables: [\"public.events\", \"public.orgs\"]\ntop_partitions: 1\n"
                             "exact_sizes: {interval: 1m}");
  Sample sample = CollectOnce(target, clock_);
  EXPECT_FALSE(ValueOf(sample, "tierwatch_partition_disk_bytes"));  // nothing measured yet
  AfterSample(target, clock_);
  sample = CollectOnce(target, clock_);
  EXPECT_EQ(ErrorsOf(sample), "");
  const auto rows = [&](const std::string& table, const std::string& partition) {
    return ValueOf(sample, "tierwatch_partition_top_rows_estimate", {table, partition});
  };
  EXPECT_EQ(rows("events", "e1"), 900);
  EXPECT_EQ(rows("events", "other"), 102);
  EXPECT_FALSE(rows("events", "e2"));
  // Of both levels of orgs there are two leaves.
  EXPECT_EQ(rows("orgs", "orgs_0_all").value_or(0) + rows("orgs", "orgs_1").value_or(0) +
                rows("orgs", "other").value_or(0),
            400);
  const auto bytes = [](const std::string& where) {
    return std::stod(
        postgres_->Sql("SELECT sum(pg_total_relation_size(inhrelid)) FROM pg_inherits WHERE "
                       "inhparent = 'events'::regclass " +
                       where));
  };
  const auto disk = [&](const std::vector<std::string>& labels) {
    return ValueOf(sample,
                   labels.size() == 1 ? "tierwatch_partition_disk_bytes"
                                      : "tierwatch_partition_top_disk_bytes",
                   labels);
  };
  EXPECT_EQ(disk({"events"}), bytes(""));
  EXPECT_EQ(disk({"events", "e1"}), bytes("AND inhrelid = 'e1'::regclass"));
  EXPECT_EQ(disk({"events", "other"}), bytes("AND inhrelid <> 'e1'::regclass"));
}

TEST_F(PartitionsLive, IntegerKeysAndRetentionWhereConfigured) {
  postgres_->Sql(
      "CREATE TABLE numbers (id bigint PRIMARY KEY) PARTITION BY RANGE (id);"
      "CREATE TABLE numbers_1 PARTITION OF numbers FOR VALUES FROM (0) TO (1000);"
      "CREATE TABLE numbers_2 PARTITION OF numbers FOR VALUES FROM (1000) TO (2000);"
      "INSERT INTO numbers VALUES (7), (1499);"
      "CREATE TABLE seconds (at bigint) PARTITION BY RANGE (at);"
      "DO $$ BEGIN EXECUTE format('CREATE TABLE seconds_1 PARTITION OF seconds FOR VALUES FROM (0) "
      "TO (%s)', floor(extract(epoch FROM now()))::bigint + 7200); END $$");
  const Target target = Make("tw",
                             "integer_keys: {public.numbers: values, public.seconds: seconds}\n"
                             "retention: {public.events: 2d, public.seconds: 1d}\n");
  Sample sample = CollectOnce(target, clock_);
  const auto value = [&](const std::string& metric, const std::string& table) {
    return ValueOf(sample, "tierwatch_partition_" + metric, {"postgres", "public", table});
  };
  EXPECT_EQ(value("runway_values", "numbers"), 500);  // 1500 to 1999
  EXPECT_EQ(value("runway_seconds", "numbers"), std::nullopt);
  EXPECT_NEAR(value("runway_seconds", "seconds").value_or(0), 7200, 60);
  EXPECT_EQ(value("retention_overdue_seconds", "events"), 0);  // e1 ends in five days
  EXPECT_EQ(value("retention_overdue_seconds", "seconds"), 0);
  EXPECT_EQ(value("retention_overdue_seconds", "orgs_0"), std::nullopt);
  postgres_->Sql("INSERT INTO numbers VALUES (1999)");
  sample = CollectOnce(target, clock_);
  EXPECT_EQ(value("runway_values", "numbers"), 0);
  postgres_->Sql("DELETE FROM numbers WHERE id > 100");
  CollectOnce(target, clock_);
  sample = CollectOnce(target, clock_);
  EXPECT_EQ(value("runway_values", "numbers"), 1992);  // 8 to 1999
  postgres_->Sql("DROP TABLE numbers, seconds");
}

TEST_F(PartitionsLive, APartitionOlderThanItsRetentionIsOverdue) {
  postgres_->Sql(
      "CREATE TABLE old (day date) PARTITION BY RANGE (day);"
      "CREATE TABLE old_1 PARTITION OF old FOR VALUES FROM (MINVALUE) TO ('2024-01-01');"
      "CREATE TABLE old_2 PARTITION OF old FOR VALUES FROM ('2024-01-01') TO (MAXVALUE)");
  const Sample sample = CollectOnce(Make("tw", "retention: {\"public.o*\": 10d}"), clock_);
  const double now = static_cast<double>(clock_.Now()) / 1000;
  EXPECT_NEAR(ValueOf(sample, "tierwatch_partition_retention_overdue_seconds", {"old"}).value_or(0),
              now - 10 * 86400 - 1'704'067'200, 60);  // 2024-01-01 00:00 UTC
  postgres_->Sql("DROP TABLE old");
}

TEST_F(PartitionsLive, IndexesForeignAndBloatedLeavesAndTheDefaultsInsertsAreSeen) {
  postgres_->Sql(
      "CREATE EXTENSION IF NOT EXISTS file_fdw; CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;"
      "CREATE TABLE mix (n int, t text) PARTITION BY LIST (n);"
      "CREATE TABLE mix_1 PARTITION OF mix FOR VALUES IN (1);"
      "CREATE TABLE mix_2 PARTITION OF mix FOR VALUES IN (2);"
      "CREATE FOREIGN TABLE mix_3 PARTITION OF mix FOR VALUES IN (3) SERVER files OPTIONS "
      "(filename "
      "'/nonexistent');"
      "CREATE TABLE mix_rest PARTITION OF mix DEFAULT;"
      "CREATE INDEX mix_n ON ONLY mix (n); CREATE INDEX mix_1_n ON mix_1 (n);"
      "ALTER INDEX mix_n ATTACH PARTITION mix_1_n;"
      "INSERT INTO mix SELECT 1, 'x' FROM generate_series(1, 3000);"
      "INSERT INTO mix SELECT 9, 'x' FROM generate_series(1, 4); ANALYZE mix_1");
  postgres_->Sql("DELETE FROM mix_1 WHERE ctid IN (SELECT ctid FROM mix_1 LIMIT 2000)");
  postgres_->Sql("ANALYZE mix_1");
  const Target target = Make("tw", "tables: [\"public.mix\"]\nprobe_default: false");
  Sample sample;
  EXPECT_TRUE(WaitUntil([&] {
    sample = CollectOnce(target, clock_);
    return ValueOf(sample, "tierwatch_partitions_bloated", {"mix"}) == 1 &&
           ValueOf(sample, "tierwatch_partition_default_inserts_total", {"mix"}) == 4;
  })) << ErrorsOf(sample);
  // mix_2 and the default lack the index; a foreign table can have none.
  EXPECT_EQ(ValueOf(sample, "tierwatch_partition_missing_indexes", {"mix"}), 2);
  EXPECT_EQ(ValueOf(sample, "tierwatch_partitions_foreign", {"mix"}), 1);
  EXPECT_EQ(ValueOf(sample, "tierwatch_partitions", {"mix"}), 4);
  EXPECT_EQ(ValueOf(sample, "tierwatch_partition_inserts_total", {"mix"}), 3004);
  postgres_->Sql("DROP TABLE mix");
}

TEST_F(PartitionsLive, WhatPgPartmanSaysIsReadWhereItCanBe) {
  if (postgres_->Sql("SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_partman'") ==
      "0") {
    GTEST_SKIP() << "pg_partman is not installed";
  }
  postgres_->Sql(
      "CREATE SCHEMA upkeep; CREATE EXTENSION pg_partman SCHEMA upkeep;"
      "CREATE TABLE kept (day date NOT NULL) PARTITION BY RANGE (day)");
  postgres_->Sql(
      "SELECT upkeep.create_parent('public.kept', 'day', 'native', 'daily', "
      "p_premake := 6)");
  const Sample sample = CollectOnce(Make("tw", "tables: [\"public.kept\"]"), clock_);
  EXPECT_EQ(ErrorsOf(sample), "");
  EXPECT_EQ(ValueOf(sample, "tierwatch_partition_premake", {"kept"}), 6);
  // Version 4 keeps no time of its last run.
  const bool tells = postgres_->Sql(
                         "SELECT extversion >= '5' FROM pg_extension WHERE extname = "
                         "'pg_partman'") == "t";
  EXPECT_EQ(ValueOf(sample, "tierwatch_partition_maintenance_last_run_timestamp_seconds", {"kept"})
                .has_value(),
            tells);
  const Sample few_rights = CollectOnce(Make("plain", "tables: [\"public.kept\"]"), clock_);
  EXPECT_FALSE(ValueOf(few_rights, "tierwatch_partition_premake", {"kept"}));
  EXPECT_TRUE(ValueOf(few_rights, "tierwatch_partition_gaps", {"kept"}));
  postgres_->Sql("DROP TABLE kept CASCADE; DROP EXTENSION pg_partman");
}

}  // namespace
}  // namespace tierwatch
