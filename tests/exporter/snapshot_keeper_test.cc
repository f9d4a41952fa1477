// Samples over a restart: written at the end, read at the start, set aside when damaged.
#include "exporter/snapshot_keeper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "alerts/promql/promql.h"
#include "tests/support/fake_clock.h"
#include "tests/support/files.h"

namespace tierwatch {
namespace {

constexpr TimestampMs kNow = 1'700'000'000'000;

class SnapshotKeeperTest : public testing::Test {
 protected:
  std::string Path() const { return dir_.path() + "/samples"; }
  double Metric(const std::string& name) const {
    for (const auto& family : registry_.Collect()) {
      if (family.name == name)
        return family.metric.at(0).counter.value + family.metric.at(0).gauge.value;
    }
    return -1;
  }
  // One per second, each 15 s for 10 minutes.
  static void Fill(series::Store& store) {
    for (TimestampMs time = kNow - 600'000; time <= kNow; time += 15'000) {
      const series::Sample samples[] = {
          {Labels{{"__name__", "x_total"}}, time, static_cast<double>(time - kNow) / 1000 + 600}};
      store.Append("test", samples);
    }
  }
  static double Rate(const series::Store& store) {
    const auto result =
        promql::Engine().Instant(promql::Parse("rate(x_total[10m])").value(), store, kNow);
    const auto& vector = std::get<promql::Vector>(result->value);
    return vector.size() == 1 ? vector[0].value : -1;
  }

  TempDir dir_;
  FakeClock clock_{kNow};
  std::unique_ptr<Logger> logger_ = MakeNullLogger();
  mutable prometheus::Registry registry_;
};

TEST_F(SnapshotKeeperTest, RatesHaveTheirWindowAfterARestart) {
  {
    series::Store store;
    const SnapshotKeeper keeper(store, Path(), *logger_, registry_, clock_);
    Fill(store);
  }
  EXPECT_EQ(Metric("tierwatch_snapshot_last_success_timestamp_seconds"), 1'700'000'000);
  series::Store store;
  const SnapshotKeeper keeper(store, Path(), *logger_, registry_, clock_);
  EXPECT_DOUBLE_EQ(Rate(store), 1);
  EXPECT_EQ(Metric("tierwatch_snapshot_failures_total"), 0);
}

TEST_F(SnapshotKeeperTest, SetsADamagedOneAsideAndGoesOn) {
  std::ofstream(Path()) << "not a snapshot";
  {
    series::Store store;
    const SnapshotKeeper keeper(store, Path(), *logger_, registry_, clock_);
    EXPECT_EQ(store.Stats().series, 0u);
    EXPECT_EQ(Metric("tierwatch_snapshot_failures_total"), 1);
    EXPECT_TRUE(std::filesystem::exists(Path() + ".damaged"));
    Fill(store);
  }
  series::Store store;
  const SnapshotKeeper keeper(store, Path(), *logger_, registry_, clock_);
  EXPECT_DOUBLE_EQ(Rate(store), 1);
}

TEST_F(SnapshotKeeperTest, CountsWhatItCanNotWrite) {
  {
    series::Store store;
    const SnapshotKeeper keeper(store, dir_.path() + "/gone/samples", *logger_, registry_, clock_);
  }
  EXPECT_EQ(Metric("tierwatch_snapshot_failures_total"), 1);
}

TEST_F(SnapshotKeeperTest, WithoutAPathKeepsNothing) {
  {
    series::Store store;
    const SnapshotKeeper keeper(store, "", *logger_, registry_, clock_);
    Fill(store);
  }
  EXPECT_TRUE(std::filesystem::is_empty(dir_.path()));
}

}  // namespace
}  // namespace tierwatch
