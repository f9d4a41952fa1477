// Keeps samples across a restart, so that rules have their windows at once: reads them at start,
// writes them now and then and at the end.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <span>
#include <string>
#include <thread>

#include "alerts/series/store.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"

namespace tierwatch {

/// tierwatch_snapshot_…
std::span<const MetricInfo> SnapshotMetrics();

/// Reads in its constructor and writes from then on, on a thread of its own, until its destructor,
/// which writes once more. A snapshot that can't be used is set aside and told in the log; one that
/// can't be written is tried again at the next interval.
class SnapshotKeeper {
 public:
  static constexpr Millis kInterval{5 * 60 * 1000};

  /// `path` of the file; "": keeps nothing. The references outlive the keeper.
  SnapshotKeeper(series::Store& store, std::string path, Logger& logger,
                 prometheus::Registry& registry, const Clock& clock);
  ~SnapshotKeeper();
  SnapshotKeeper(const SnapshotKeeper&) = delete;
  SnapshotKeeper& operator=(const SnapshotKeeper&) = delete;

 private:
  void Write();

  series::Store& store_;
  const std::string path_;
  Logger& logger_;
  const Clock& clock_;
  prometheus::Counter& failures_;
  prometheus::Gauge& written_;
  std::jthread thread_;
};

}  // namespace tierwatch
