// Samples as the body of a remote write, version 1.0: a WriteRequest (prompb/remote.proto) in
// snappy.
#pragma once

#include <span>
#include <string>

#include "alerts/series/sample.h"

namespace tierwatch {

/// Counts of histograms must be whole numbers; custom buckets and start times do not exist in this
/// version. No series may have more than one sample: Prometheus 2.42 stores the floats of a request
/// before its histograms and would drop older histograms of a series that turned to floats.
std::string EncodeRemoteWrite(std::span<const series::Sample> samples);

/// Writes the samples, of which the same holds, to the server at `url`. What went wrong, or "".
std::string PostRemoteWrite(const std::string& url, std::span<const series::Sample> samples);

}  // namespace tierwatch
