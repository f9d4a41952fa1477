// A native histogram of a remote write: the same message in both versions.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "alerts/series/sample.h"

namespace tierwatch {

struct WrittenHistogram {
  series::HistogramPtr histogram;  // null: it makes no sense, and `problem` says why
  std::string problem;
  TimestampMs time = 0;
  TimestampMs start_time = 0;
  std::size_t buckets = 0;  // counts that the message has
};

/// Reads a message Histogram, of integers or floats, exponential or with bounds of its own. Throws
/// protozero::exception where the bytes are no message.
WrittenHistogram ReadWrittenHistogram(std::string_view message);

}  // namespace tierwatch
