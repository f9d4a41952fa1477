// Bodies of both versions of remote write, as they come and as what Snappy makes of them.
#include <snappy.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "exporter/remote_write/remote_write_request.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tierwatch;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const RemoteWriteLimits limits{.text_bytes = 1u << 20};
  std::string compressed;
  snappy::Compress(data ? bytes.data() : "", size, &compressed);
  for (const std::string_view body : {bytes, std::string_view(compressed)}) {
    for (const RemoteWriteVersion version : {RemoteWriteVersion::k1, RemoteWriteVersion::k2}) {
      const Result<RemoteWriteRequest> request = ReadRemoteWrite(body, version, limits);
      if (!request.ok()) continue;
      for (const auto& sample : request->samples) {
        if (sample.series >= request->series.size()) std::abort();
        const auto labels = request->LabelsOf(request->series[sample.series]);
        const bool good = request->series[sample.series].problem.empty();
        if (good && labels.empty()) std::abort();
      }
    }
  }
  return 0;
}
