// Asks a server that speaks Prometheus's HTTP API: Prometheus, tierwatch, and their like.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "alerts/promql/promql.h"
#include "base/clock.h"
#include "base/http_client.h"
#include "base/result.h"

namespace tierwatch {

/// Errors name the URL and what the server said; Reason::kLimit where the answer would be too large
/// for the server or for us, so that a smaller question may help. Thread-safe.
class PrometheusClient {
 public:
  /// `url` is the server's, without `api/v1`.
  explicit PrometheusClient(std::string url);

  /// The whole answer to an instant query, as JSON text.
  Result<std::string> Query(std::string_view expr);
  /// The whole answer to a query at from, from + step, … up to `to`, as JSON text.
  Result<std::string> QueryRange(std::string_view expr, TimestampMs from, TimestampMs to,
                                 Millis step);
  /// The names of all metrics of the server.
  Result<std::vector<std::string>> MetricNames();
  /// The samples, oldest first, of the series of `selector` with from < time <= to. Native
  /// histograms are refused: JSON holds them without their schema. JSON doesn't tell staleness
  /// markers either: a second query finds them out, up to 15 s late; they may be younger than `to`.
  Result<promql::Matrix> Samples(std::string_view selector, TimestampMs from, TimestampMs to);

 private:
  Result<std::string> Ask(std::string_view path, std::string form);
  Result<promql::Matrix> AskMatrix(std::string_view path, std::string form);

  std::string url_;
  HttpClient http_;
};

/// Reads the answer to a query with a range selector. Exposed for tests and fuzzing.
Result<promql::Matrix> ReadMatrixAnswer(std::string_view json);

}  // namespace tierwatch
