// What a snapshot keeps, and what becomes of files that are none.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>

#include "alerts/series/float_histogram.h"
#include "alerts/series/float_histogram_text.h"
#include "alerts/series/store.h"

namespace tierwatch::series {
namespace {

using prometheus::MetricType;

class Snapshot : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() /
              ("tierwatch_snapshot_" + std::to_string(::getpid()) + "_" +
               ::testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::create_directory(folder_);
    path_ = folder_ / "series.snapshot";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string Bytes() const {
    std::ifstream file(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void SetBytes(const std::string& bytes) const {
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << bytes;
  }

  std::filesystem::path folder_;
  std::filesystem::path path_;
};

Batch BatchOf(int number, int series) {
  Batch batch{"c", Labels{{"target", "t"}}, 15'000 * number, true, {}};
  batch.families = {{"g", "", MetricType::Untyped, {}}};
  for (int i = 0; i < series; ++i) {
    prometheus::ClientMetric metric;
    metric.label = {{"i", std::to_string(i)}};
    metric.untyped.value = number * i / 7.0;
    batch.families[0].metric.push_back(metric);
  }
  return batch;
}

void Fill(Store& store) {
  for (int number = 1; number <= 200; ++number) store.Append(BatchOf(number, number < 100 ? 5 : 7));
  auto histogram = std::make_shared<FloatHistogram>(
      ParseHistogramLiteral("{{schema:-53 sum:5 count:4 custom_values:[5 10] buckets:[1 2 1]}}")
          .value());
  auto other = std::make_shared<FloatHistogram>(
      ParseHistogramLiteral("{{schema:3 sum:5 count:4 z_bucket:1 buckets:[1 0 2] n_buckets:[1]}}")
          .value());
  store.Append("rule", std::vector<Sample>{{Labels{{"x", "1"}}, 15'000, 1},
                                           {Labels{{"x", "2"}}, 15'000, StaleMarker()}});
  store.Append("rule", std::vector<Sample>{{Labels{{"x", "1"}}, 16'000, 0, histogram},
                                           {Labels{{"x", "3"}}, 17'000, 4, nullptr, 12},
                                           {Labels{{"x", "1"}}, 18'000, 0, other}});
}

// Every sample, spelled out.
std::vector<std::string> Dump(const Store& store) {
  const auto view = store.Open();
  const SeriesListPtr list = view->Find({}, nullptr, nullptr).value();
  const auto window = std::move(view->Read(list, {})).value();
  std::vector<std::string> lines;
  SampleBuffer scratch;
  for (std::size_t i = 0; i < list->frame->size(); ++i) {
    const SeriesSamples samples = window->At(i, scratch);
    std::string line = list->frame->LabelsOf(i).ToString();
    for (std::size_t k = 0; k < samples.times.size(); ++k) {
      line += " " + std::to_string(samples.times[k]) + "=";
      const bool histogram = !samples.histograms.empty() && samples.histograms[k];
      line += histogram ? PrintHistogramLiteral(*samples.histograms[k])
                        : std::to_string(std::bit_cast<std::uint64_t>(samples.values[k]));
      if (!samples.start_times.empty()) line += "@" + std::to_string(samples.start_times[k]);
    }
    lines.push_back(line);
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}

TEST_F(Snapshot, IsSoundWhateverWasForgotten) {
  // Rows lie open for longer than they are kept, so that pruning parts an open chunk.
  Store store({{}, Millis(15'000 * 5)});
  for (int number = 1; number <= 200; ++number) {
    store.Append(BatchOf(number, number % 40 < 20 ? 200 : 20));
    store.Prune(15'000 * number);
    ASSERT_TRUE(store.WriteSnapshot(path_).ok());
    Store restored;
    const Result<void> read = restored.ReadSnapshot(path_);
    ASSERT_TRUE(read.ok()) << number << ": " << read.error().message;
  }
}

TEST_F(Snapshot, GivesBackEverySample) {
  Store store;
  Fill(store);
  ASSERT_TRUE(store.WriteSnapshot(path_).ok());
  Store restored;
  const Result<void> read = restored.ReadSnapshot(path_);
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(Dump(restored), Dump(store));
  EXPECT_EQ(restored.Stats().samples, store.Stats().samples);
  EXPECT_EQ(restored.Stats().series, store.Stats().series);
  EXPECT_TRUE(std::filesystem::exists(path_));
}

TEST_F(Snapshot, LetsSourcesGoOn) {
  Store store;
  Fill(store);
  ASSERT_TRUE(store.WriteSnapshot(path_).ok());
  Store restored;
  ASSERT_TRUE(restored.ReadSnapshot(path_).ok());
  for (int number = 190; number <= 210; ++number) restored.Append(BatchOf(number, 7));
  for (int number = 201; number <= 210; ++number) store.Append(BatchOf(number, 7));
  EXPECT_EQ(Dump(restored), Dump(store));
  EXPECT_EQ(restored.Stats().refused, 11u * 7u);  // what it had already
  const auto view = restored.Open();
  const std::vector<Matcher> matchers = {Matcher::Equal("__name__", "g")};
  const SeriesListPtr list = view->Find(matchers, nullptr, nullptr).value();
  const auto window = std::move(view->Read(list, {15'000 * 201, 15'000 * 210})).value();
  ASSERT_EQ(window->parts().size(), 1u);  // in their rows, as ever
  EXPECT_EQ(window->parts()[0].columns.size(), 7u);
  // And a snapshot of the two together is as good.
  ASSERT_TRUE(restored.WriteSnapshot(path_).ok());
  Store again;
  ASSERT_TRUE(again.ReadSnapshot(path_).ok());
  EXPECT_EQ(Dump(again), Dump(store));
}

TEST_F(Snapshot, IsNotMissed) {
  Store store;
  EXPECT_TRUE(store.ReadSnapshot(path_).ok());
  EXPECT_FALSE(store.WriteSnapshot(folder_ / "missing" / "file").ok());
  ASSERT_TRUE(store.WriteSnapshot(path_).ok());
  EXPECT_TRUE(store.ReadSnapshot(path_).ok());
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1);
}

TEST_F(Snapshot, SetsDamagedFilesAside) {
  Store store;
  Fill(store);
  ASSERT_TRUE(store.WriteSnapshot(path_).ok());
  const std::string whole = Bytes();
  std::mt19937_64 random(1);
  std::vector<std::string> damaged = {"", "something else", whole + "x", whole.substr(0, 8)};
  for (int i = 0; i < 100; ++i) damaged.push_back(whole.substr(0, random() % whole.size()));
  for (int i = 0; i < 300; ++i) {
    std::string flipped = whole;
    flipped[random() % whole.size()] ^= static_cast<char>(1 << random() % 8);
    damaged.push_back(flipped);
  }
  for (const std::string& bytes : damaged) {
    SetBytes(bytes);
    Store restored;
    const Result<void> read = restored.ReadSnapshot(path_);
    ASSERT_FALSE(read.ok());
    EXPECT_NE(read.error().message.find("set aside"), std::string::npos);
    EXPECT_EQ(restored.Stats().series, 0u);
    EXPECT_FALSE(std::filesystem::exists(path_));
    EXPECT_TRUE(std::filesystem::exists(path_.string() + ".damaged"));
  }
}

}  // namespace
}  // namespace tierwatch::series
