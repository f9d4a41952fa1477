// The collector `replicas` against a real primary with two streaming replicas.
#include <gtest/gtest.h>
#include <signal.h>

#include <thread>
#include <utility>

#include "collectors/replicas.h"
#include "tests/support/collect.h"
#include "tests/support/postgres_server.h"

namespace tierwatch {
namespace {

class ReplicasLive : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (!HasPostgres()) return;
    primary_ = new TestPostgres;
    primary_->Sql("CREATE TABLE t (n int)");
    replica_ = new TestPostgres(*primary_, "rep1");
    other_ = new TestPostgres(*primary_, "rep2", false);
  }
  static void TearDownTestSuite() {
    for (TestPostgres** server : {&other_, &replica_, &primary_}) {
      delete *server;
      *server = nullptr;
    }
  }
  void SetUp() override {
    if (primary_ == nullptr) GTEST_SKIP() << "PostgreSQL's server is not installed";
  }
  // rep1 is configured, rep2 is not.
  static Target Make(const std::string& role = "tw") {
    return MakeTarget(&ReadReplicas, "primary: \"" + primary_->url(role) + "\"\nreplicas: [\"" +
                                         replica_->url(role) + "\"]\nexpected_replicas: 2\n");
  }
  // Flushed when it returns, so that the log position has moved.
  static void Write() {
    primary_->Sql("SET synchronous_commit = local; INSERT INTO t SELECT generate_series(1, 1000)");
  }
  static bool CaughtUp() {
    const std::string lsn = primary_->Sql("SELECT pg_current_wal_flush_lsn()");
    return WaitUntil(
        [&] { return replica_->Sql("SELECT pg_last_wal_replay_lsn() >= '" + lsn + "'") == "t"; });
  }
  static std::optional<double> Lag(const Sample& sample) {
    return ValueOf(sample, "tierwatch_replica_lag_seconds", {replica_->name()});
  }

  static TestPostgres *primary_, *replica_, *other_;
  SystemClock clock_;
};
TestPostgres* ReplicasLive::primary_ = nullptr;
TestPostgres* ReplicasLive::replica_ = nullptr;
TestPostgres* ReplicasLive::other_ = nullptr;

TEST_F(ReplicasLive, AnIdlePrimaryHasNoLag) {
  Write();
  ASSERT_TRUE(CaughtUp());
  const Target target = Make();
  CollectOnce(target, clock_);
  std::this_thread::sleep_for(Millis{1'200});
  const Sample sample = CollectOnce(target, clock_);
  EXPECT_TRUE(sample.up);
  EXPECT_EQ(ErrorsOf(sample), "");
  EXPECT_EQ(Lag(sample), 0);
  EXPECT_EQ(ValueOf(sample, "tierwatch_replica_lag_bytes", {replica_->name(), "replay"}), 0);
  EXPECT_EQ(ValueOf(sample, "tierwatch_replica_streaming", {replica_->name()}), 1);
  EXPECT_EQ(ValueOf(sample, "tierwatch_replica_streaming", {"rep2"}), 1);
  EXPECT_FALSE(ValueOf(sample, "tierwatch_replica_streaming", {"rep1"})) << "shown twice";
  EXPECT_EQ(ValueOf(sample, "tierwatch_replicas_expected"), 2);
  EXPECT_EQ(ValueOf(sample, "tierwatch_replicas_connected"), 2);
  EXPECT_EQ(ValueOf(sample, "tierwatch_postgres_up", {replica_->name()}), 1);
  EXPECT_EQ(ValueOf(sample, "tierwatch_postgres_timeline", {primary_->name()}), 1);
  EXPECT_EQ(ValueOf(sample, "tierwatch_postgres_timeline", {replica_->name()}), 1);
  EXPECT_EQ(ValueOf(sample, "tierwatch_replication_slot_active", {"rep1", primary_->name()}), 1);
}

TEST_F(ReplicasLive, PausedReplayLagsByTheTimeSinceTheFirstUnreplayedWrite) {
  ASSERT_TRUE(CaughtUp());
  const Target target = Make();
  CollectOnce(target, clock_);
  replica_->Sql("SELECT pg_wal_replay_pause()");
  using Seconds = std::chrono::duration<double>;
  const SteadyTime before = clock_.Steady();
  Write();
  const SteadyTime written = clock_.Steady();
  Sample sample;
  SteadyTime begun = before;
  Seconds interval{0};  // the longest, samples and all
  for (int i = 0; i < 9; ++i) {
    std::this_thread::sleep_for(Millis{250});
    const SteadyTime last = std::exchange(begun, clock_.Steady());
    sample = CollectOnce(target, clock_);
    interval = std::max<Seconds>(interval, clock_.Steady() - last);
  }
  EXPECT_LE(Lag(sample).value_or(-1), Seconds(clock_.Steady() - before).count());
  EXPECT_GE(Lag(sample).value_or(-1), (Seconds(begun - written) - interval).count());
  EXPECT_GT(ValueOf(sample, "tierwatch_replica_lag_bytes", {replica_->name(), "replay"}), 0);
  EXPECT_EQ(ValueOf(sample, "tierwatch_replica_replay_paused", {replica_->name()}), 1);
  replica_->Sql("SELECT pg_wal_replay_resume()");
  ASSERT_TRUE(CaughtUp());
  EXPECT_EQ(Lag(CollectOnce(target, clock_)), 0);
}

TEST_F(ReplicasLive, AReplicaThatIsCutOffLagsMoreAndMoreAndItsSlotKeepsWal) {
  if (std::stoi(primary_->Sql("SHOW server_version_num")) < 130000)
    GTEST_SKIP() << "before 13 a replica has to be restarted to lose its primary";
  Write();  // so that the replica knows when it last replayed a commit
  ASSERT_TRUE(CaughtUp());
  const Target target = Make();
  CollectOnce(target, clock_);
  const std::string conninfo =
      replica_->Sql("SELECT quote_literal(current_setting('primary_conninfo'))");
  replica_->Sql("ALTER SYSTEM SET primary_conninfo = ''");
  replica_->Sql("SELECT pg_reload_conf()");
  ASSERT_TRUE(
      WaitUntil([] { return replica_->Sql("SELECT count(*) FROM pg_stat_wal_receiver") == "0"; }));
  double before = -1;
  for (int i = 0; i < 4; ++i) {
    Write();
    const Sample sample = CollectOnce(target, clock_);
    EXPECT_GT(Lag(sample).value_or(-2), before);
    before = Lag(sample).value_or(-2);
    EXPECT_EQ(ValueOf(sample, "tierwatch_replica_streaming", {replica_->name()}), 0);
    EXPECT_EQ(ValueOf(sample, "tierwatch_replicas_connected"), 1);
    EXPECT_GT(ValueOf(sample, "tierwatch_replication_slot_retained_bytes", {"rep1"}), 0);
    std::this_thread::sleep_for(Millis{200});
  }
  // Watched from now on, it is already behind: not 0.
  const Sample fresh = CollectOnce(Make(), clock_);
  EXPECT_GT(Lag(fresh).value_or(-1), 0.5);
  replica_->Sql("ALTER SYSTEM SET primary_conninfo = " + conninfo);
  replica_->Sql("SELECT pg_reload_conf()");
  ASSERT_TRUE(CaughtUp());
  EXPECT_EQ(Lag(CollectOnce(target, clock_)), 0);
}

TEST_F(ReplicasLive, WithoutPgMonitorThereIsAReasonAndNoZero) {
  const Sample sample = CollectOnce(Make("plain"), clock_);
  EXPECT_TRUE(HasError(sample, Reason::kPrivileges)) << ErrorsOf(sample);
  EXPECT_FALSE(ValueOf(sample, "tierwatch_replica_streaming"));
  EXPECT_FALSE(ValueOf(sample, "tierwatch_replicas_connected"));
  EXPECT_FALSE(ValueOf(sample, "tierwatch_replica_lag_bytes", {"sent"}));
}

TEST_F(ReplicasLive, AFrozenReplicaLeavesTimeForTheRest) {
  const Target target = Make();
  CollectOnce(target, clock_);
  const std::string pid =
      replica_->Sql("SELECT pid FROM pg_stat_activity WHERE application_name = 'tierwatch'");
  ::kill(std::stoi(pid), SIGSTOP);
  const SteadyTime start = clock_.Steady();
  const Sample sample = CollectOnce(target, clock_, Millis{1'000});
  const auto took = clock_.Steady() - start;
  ::kill(std::stoi(pid), SIGCONT);
  EXPECT_LT(took, Millis{10'000});
  EXPECT_TRUE(sample.up);
  EXPECT_TRUE(HasError(sample, Reason::kTimeout)) << ErrorsOf(sample);
  EXPECT_EQ(ValueOf(sample, "tierwatch_postgres_up", {replica_->name()}), 0);
  // The primary still tells of it, under the name it has.
  EXPECT_EQ(ValueOf(sample, "tierwatch_replica_streaming", {replica_->name()}), 1);
}

// Servers of its own: a promotion can't be taken back. Logical slots need wal_level=logical, which
// the test's servers don't have, so the slot here is a physical one.
TEST(ReplicasFailoverLive, RolesFollowTheServers) {
  if (!HasPostgres()) GTEST_SKIP() << "PostgreSQL's server is not installed";
  const SystemClock clock;
  TestPostgres first;
  first.Sql("CREATE TABLE t (n int)");
  TestPostgres second(first, "second");
  const Target target = MakeTarget(
      &ReadReplicas, "primary: \"" + first.url() + "\"\nreplicas: [\"" + second.url() + "\"]\n");
  Sample sample = CollectOnce(target, clock);
  EXPECT_EQ(ErrorsOf(sample), "");
  EXPECT_EQ(ValueOf(sample, "tierwatch_replica_streaming", {second.name()}), 1);
  EXPECT_EQ(
      ValueOf(sample, "tierwatch_replication_slot_info", {"second", first.name(), "physical"}), 1);
  EXPECT_EQ(ValueOf(sample, "tierwatch_replica_conflicts_total", {second.name(), "snapshot"}), 0);

  first.Stop();
  second.Sql("SELECT pg_promote()");
  sample = CollectOnce(target, clock);
  EXPECT_TRUE(sample.up);  // the primary was read: it is the second server now
  EXPECT_TRUE(HasError(sample, Reason::kConnect)) << ErrorsOf(sample);
  EXPECT_EQ(ValueOf(sample, "tierwatch_postgres_in_recovery", {second.name()}), 0);
  EXPECT_EQ(ValueOf(sample, "tierwatch_postgres_timeline", {second.name()}), 2);
  EXPECT_EQ(ValueOf(sample, "tierwatch_replicas_connected"), 0);
  EXPECT_FALSE(ValueOf(sample, "tierwatch_replica_lag_seconds", {second.name()}));

  // The old one comes back as it was: both take writes.
  first.Start();
  EXPECT_TRUE(WaitUntil([&] {
    sample = CollectOnce(target, clock);
    return ErrorsOf(sample).find("two servers take writes") != std::string::npos;
  })) << ErrorsOf(sample);
  EXPECT_EQ(ValueOf(sample, "tierwatch_postgres_timeline", {first.name()}), 1);
}

TEST(ReplicasCascadeLive, AReplicaOfAReplicaIsSeenThroughIt) {
  if (!HasPostgres()) GTEST_SKIP() << "PostgreSQL's server is not installed";
  const SystemClock clock;
  TestPostgres first;
  first.Sql("CREATE TABLE t (n int)");
  TestPostgres second(first, "second");
  TestPostgres third(second, "third", false);
  const Target target =
      MakeTarget(&ReadReplicas, "primary: \"" + first.url() + "\"\nreplicas: [\"" + second.url() +
                                    "\", \"" + third.url() + "\"]\n");
  Sample sample;
  EXPECT_TRUE(WaitUntil([&] {
    sample = CollectOnce(target, clock);
    return ValueOf(sample, "tierwatch_replica_streaming", {third.name()}) == 1 &&
           ValueOf(sample, "tierwatch_replica_lag_seconds", {third.name()}) == 0;
  })) << ErrorsOf(sample);
  EXPECT_EQ(ValueOf(sample, "tierwatch_replicas_connected"), 1);  // to the primary itself
  EXPECT_FALSE(ValueOf(sample, "tierwatch_replica_streaming", {"third"})) << "shown twice";
}

}  // namespace
}  // namespace tierwatch
