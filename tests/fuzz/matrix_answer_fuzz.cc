// Answers of servers that claim to be a Prometheus: whatever the bytes, a matrix or an error.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "exporter/commands/prometheus_client.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  (void)tierwatch::ReadMatrixAnswer({reinterpret_cast<const char*>(data), size});
  return 0;
}
