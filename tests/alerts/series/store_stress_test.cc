// Writers, readers and pruning at once: every batch is seen whole. Meant for the thread sanitizer.
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <string>
#include <thread>

#include "alerts/series/store.h"

namespace tierwatch::series {
namespace {

using prometheus::MetricType;

constexpr std::size_t kTargets = 3;

// All values are the batch's number; every so often other series come and go.
Batch BatchOf(std::size_t target, int number) {
  Batch batch{"c", Labels{{"target", std::to_string(target)}}, 1000 * number, true, {}};
  batch.families = {{"g", "", MetricType::Untyped, {}}};
  for (int i = 0; i < 40; ++i) {
    prometheus::ClientMetric metric;
    const int churned = i < 20 ? i : i + number / 10 * 20;
    metric.label = {{"i", std::to_string(churned)}};
    metric.untyped.value = number;
    batch.families[0].metric.push_back(metric);
  }
  return batch;
}

// What of one target a view shows: the newest value of each series that has one, and of how many.
void CheckTarget(View& view, std::size_t target, SeriesListPtr& former) {
  const std::vector<Matcher> matchers = {Matcher::Equal("target", std::to_string(target))};
  former = view.Find(matchers, nullptr, former).value();
  const auto window = std::move(view.Read(former, {})).value();
  SampleBuffer scratch;
  TimestampMs newest = 0;
  std::size_t count = 0;
  for (std::size_t i = 0; i < former->frame->size(); ++i) {
    const SeriesSamples samples = window->At(i, scratch);
    for (std::size_t k = 0; k < samples.times.size(); ++k) {
      if (IsStale(samples.values[k])) continue;
      ASSERT_EQ(samples.values[k] * 1000, static_cast<double>(samples.times[k]));
    }
    if (samples.times.empty() || IsStale(samples.values.back())) continue;
    if (samples.times.back() > newest) count = 0;
    newest = std::max(newest, samples.times.back());
    count += samples.times.back() == newest ? 1 : 0;
  }
  ASSERT_TRUE(newest == 0 || count == 40) << newest;
  for (const MatrixPart& part : window->parts()) {
    for (std::size_t i = 0; i < part.columns.size(); ++i) {
      const double last = part.Last(i);
      const bool shown = !IsGap(last) && !IsStale(last);
      ASSERT_TRUE(!shown || last * 1000 == static_cast<double>(part.last_time));
    }
  }
}

void CheckAll(const Store& store) {
  const auto view = store.Open();
  for (std::size_t target = 0; target < kTargets; ++target) {
    SeriesListPtr list;
    CheckTarget(*view, target, list);
  }
}

TEST(StoreStress, BatchesAreSeenWhole) {
  const std::string path = ::testing::TempDir() + "tierwatch_stress_" + std::to_string(::getpid());
  StoreOptions options;
  options.retention = Millis(150'000);
  Store store(options);
  std::atomic<std::size_t> writing = kTargets + 1;
  std::atomic<int> newest[kTargets] = {};
  std::vector<std::jthread> threads;
  for (std::size_t target = 0; target < kTargets; ++target) {
    threads.emplace_back([&, target] {
      for (int number = 1; number <= 1000; ++number) {
        store.Append(BatchOf(target, number));
        newest[target] = number;
      }
      --writing;
    });
  }
  threads.emplace_back([&] {
    for (int number = 1; number <= 1000; ++number) {
      // Of its own times, and into a series of the first target.
      std::vector<Sample> samples;
      for (int i = 0; i < 3; ++i) {
        samples.push_back({Labels{{"__name__", "loose"}, {"i", std::to_string(i + number / 100)}},
                           10 * number + i, 1.0 * number});
      }
      store.Append("loose", samples);
    }
    --writing;
  });
  threads.emplace_back([&] {
    while (writing > 0) {
      // What is older than the retention goes block by block: the newest batches are not among it.
      store.Prune(1000 * *std::ranges::min_element(newest));
      (void)store.Stats();
      (void)store.LabelValues("i");
      ASSERT_TRUE(store.WriteSnapshot(path).ok());
      Store restored;
      const Result<void> read_back = restored.ReadSnapshot(path);
      ASSERT_TRUE(read_back.ok()) << read_back.error().message;
      CheckAll(restored);
    }
  });
  const auto read = [&] {
    SeriesListPtr former[kTargets];
    while (writing > 0 && !::testing::Test::HasFailure()) {
      const auto view = store.Open();
      for (std::size_t target = 0; target < kTargets; ++target)
        CheckTarget(*view, target, former[target]);
    }
  };
  threads.emplace_back(read);
  read();
  threads.clear();
  EXPECT_GT(store.Stats().samples, 0u);
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace tierwatch::series
