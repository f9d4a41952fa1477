// Prometheus's HTTP API over the local store: its requests, its envelope.
#pragma once

#include "alerts/promql/promql.h"
#include "base/clock.h"
#include "base/result.h"
#include "exporter/http_server.h"

namespace tierwatch {

/// Answers /api/v1/query: `query`, optional `time` (seconds since the epoch or RFC 3339; now where
/// absent or empty). Native histograms come as count, sum and populated buckets. Errors come in the
/// envelope: 400 bad_data, 422 execution. Source:
/// prometheus.io/docs/prometheus/latest/querying/api.
HttpReply AnswerInstantQuery(const ServerRequest& request, const promql::Engine& engine,
                             const series::Queryable& storage, const Clock& clock);

/// A query's answer in the envelope (ours or Prometheus's) as text for people: a line per sample,
/// warnings after.
Result<std::string> FormatQueryAnswer(const std::string& body);

}  // namespace tierwatch
