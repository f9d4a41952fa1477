#include "exporter/snapshot_keeper.h"

#include <condition_variable>
#include <mutex>
#include <utility>

#include "base/instruments.h"

namespace tierwatch {
namespace {

using prometheus::MetricType;

constexpr MetricInfo kFailures{"tierwatch_snapshot_failures_total", MetricType::Counter,
                               "Snapshots of the samples that could not be written or read."};
constexpr MetricInfo kWritten{"tierwatch_snapshot_last_success_timestamp_seconds",
                              MetricType::Gauge,
                              "When a snapshot of the samples was last written; 0 before."};
constexpr MetricInfo kMetrics[] = {kFailures, kWritten};

}  // namespace

std::span<const MetricInfo> SnapshotMetrics() { return kMetrics; }

SnapshotKeeper::SnapshotKeeper(series::Store& store, std::string path, Logger& logger,
                               prometheus::Registry& registry, const Clock& clock)
    : store_(store),
      path_(std::move(path)),
      logger_(logger),
      clock_(clock),
      failures_(CounterFamily(kFailures, registry).Add({})),
      written_(GaugeFamily(kWritten, registry).Add({})) {
  if (path_.empty()) return;
  if (const Result<void> read = store_.ReadSnapshot(path_); !read.ok()) {
    failures_.Increment();
    logger_.Error("the snapshot of the samples can't be used: rules begin without a past",
                  {{"error", read.error().message}});
  }
  thread_ = std::jthread([this](const std::stop_token& stop) {
    std::mutex mutex;
    std::unique_lock lock(mutex);
    std::condition_variable_any wake;
    while (!stop.stop_requested()) {
      if (wake.wait_for(lock, stop, kInterval, [] { return false; })) continue;
      if (!stop.stop_requested()) Write();
    }
  });
}

SnapshotKeeper::~SnapshotKeeper() {
  if (path_.empty()) return;
  thread_.request_stop();
  thread_.join();
  Write();
}

void SnapshotKeeper::Write() {
  const Result<void> written = store_.WriteSnapshot(path_);
  if (written.ok()) {
    written_.Set(static_cast<double>(clock_.Now()) / 1000);
    return;
  }
  failures_.Increment();
  logger_.Error("the snapshot of the samples can't be written",
                {{"error", written.error().message}});
}

}  // namespace tierwatch
