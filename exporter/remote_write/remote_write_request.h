// What a body of POST /api/v1/write says, as plain data: both versions of Prometheus's remote
// write, of which the second keeps its texts in a table.
//
// Sources: prometheus.io/docs/specs/prw/remote_write_spec (1.0) and remote_write_spec_2_0,
// prompb/types.proto and prompb/io/prometheus/write/v2/types.proto.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "alerts/series/sample.h"
#include "base/result.h"

namespace tierwatch {

enum class RemoteWriteVersion : std::uint8_t { k1, k2 };

/// Views are into `text`. Not copyable, so that they stay so.
struct RemoteWriteRequest {
  struct Series {
    std::size_t label_begin = 0, label_end = 0;
    std::string problem;  // with its labels; "" where there is none
  };
  struct Sample {
    std::size_t series = 0;
    TimestampMs time = 0;
    double value = 0;
    series::HistogramPtr histogram{};
    TimestampMs start_time = 0;  // of a histogram
    bool is_histogram = false;   // without `histogram`: it makes no sense
  };

  RemoteWriteRequest() = default;
  RemoteWriteRequest(const RemoteWriteRequest&) = delete;
  RemoteWriteRequest& operator=(const RemoteWriteRequest&) = delete;
  RemoteWriteRequest(RemoteWriteRequest&&) = default;

  std::span<const series::LabelView> LabelsOf(const Series& one) const {
    return std::span(labels).subspan(one.label_begin, one.label_end - one.label_begin);
  }

  std::vector<char> text;  // a vector: moving it moves no view
  std::vector<series::LabelView> labels;
  std::vector<Series> series;
  std::vector<Sample> samples;    // by series, in its order
  std::string histogram_problem;  // of the first one that makes no sense
  std::size_t exemplars = 0;
};

struct RemoteWriteLimits {
  std::size_t text_bytes = 32u << 20;  // uncompressed
  std::size_t labels = 1u << 21;
  std::size_t samples = 1u << 20;
  std::size_t histogram_bytes = 1u << 20;
  std::size_t buckets = 1u << 22;
};

/// Reads a body compressed by Snappy. Series with labels that break the specification (unsorted,
/// twice, empty, no UTF-8, no name) and histograms that make no sense are marked, all the rest is
/// good. An error where the body as a whole can't be read; Reason::kLimit where it is too large.
/// Metadata is passed over, and so are floats' start times, which no rule asks for.
Result<RemoteWriteRequest> ReadRemoteWrite(std::string_view body, RemoteWriteVersion version,
                                           const RemoteWriteLimits& limits = {});

}  // namespace tierwatch
