// A question in PromQL and its answer, whoever gave it, in a form that can be compared.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "alerts/promql/promql.h"
#include "base/clock.h"
#include "base/labels.h"

namespace tierwatch {

struct Question {
  std::string text;
  TimestampMs start = 0;
  TimestampMs end = 0;  // with start: an instant query, step 0
  Millis step{0};

  bool IsRange() const { return step.count() > 0; }
};

/// As the HTTP API shows one: its populated buckets, not its layout.
struct HistogramAnswer {
  struct Bucket {
    double lower = 0, upper = 0, count = 0;
  };
  double count = 0;
  double sum = 0;
  std::vector<Bucket> buckets;
};

struct Answer {
  struct Point {
    TimestampMs time = 0;
    double value = 0;
    std::optional<HistogramAnswer> histogram{};
  };
  struct Series {
    Labels labels;
    std::vector<Point> points;
  };

  std::string error;           // of a refusal; "" = there is an answer
  std::string type;            // scalar, string, vector, matrix
  std::string text;            // of a string
  std::vector<Series> series;  // by labels; of a scalar: one without any

  std::string ToString() const;
};

/// Of our engine.
Answer ToAnswer(const Result<promql::QueryResult>& result);
/// Of Prometheus's HTTP API.
Answer ParseAnswer(std::string_view json);

/// What is different, "" where nothing is. Values may differ by `tolerance` relative to the larger
/// of two, or by `absolute`; NaN equals NaN. Of two refusals the words may differ.
std::string Difference(const Answer& a, const Answer& b, double tolerance, double absolute = 0);

}  // namespace tierwatch
