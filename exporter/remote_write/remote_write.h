// POST /api/v1/write: takes what a Prometheus or an agent sends into the store, so that rules here
// see it.
#pragma once

#include <prometheus/registry.h>

#include <memory>
#include <span>

#include "alerts/series/store.h"
#include "base/clock.h"
#include "base/metric.h"
#include "exporter/http_server.h"

namespace tierwatch {

/// tierwatch_remote_write_….
std::span<const MetricInfo> RemoteWriteMetrics();

/// Thread-safe. What arguments refer to outlives it. Labels are kept as they come: self_labels are
/// not added.
///
/// Samples of one job, instance and metric go to the store as one writer's, so that a request that
/// cuts a scrape in two disturbs one metric only. A sample that can't be taken holds up no other:
/// the rest of the request is kept, the answer is 400 and says how many were refused and why, and
/// so do the metrics. 200 (2.0) or 204 (1.0) where all were taken, or were there already; 415 for
/// another content, 413 for too much of it. Where too many write at once, 503 and Retry-After: a
/// sender keeps the request and sends it again, as it does for every 5xx; for a 4xx it doesn't.
class RemoteWrite {
 public:
  /// Of a request, compressed: 2,000 samples, which is what Prometheus sends at most unless it is
  /// told otherwise, fit with 2 KiB of labels each even where nothing of them can be compressed.
  static constexpr std::size_t kMaxBodyBytes = 4u << 20;
  /// Requests under way; each has its text in memory.
  static constexpr int kMaxAtOnce = 16;

  /// Samples older than `retention` are refused (0: none are), as are those of over 10 minutes in
  /// the future: Prometheus's limit.
  RemoteWrite(series::Store& store, Millis retention, const Clock& clock,
              prometheus::Registry& registry);
  ~RemoteWrite();

  HttpReply Answer(const ServerRequest& request);
  /// Counts an answer that was given for us: the body was not taken.
  void CountAnswer(int status);

 private:
  struct Metrics;
  series::Store& store_;
  const Millis retention_;
  const Clock& clock_;
  const std::unique_ptr<Metrics> metrics_;
};

}  // namespace tierwatch
