// Health answers of backends: whatever comes, the page stays one that can be scraped.
#include <cstdint>
#include <string_view>

#include "collectors/cache_health.h"
#include "collectors/database_health.h"
#include "tests/fuzz/check_sample.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tierwatch;
  const std::string body(reinterpret_cast<const char*>(data), size);
  InstanceWatch watch;
  for (int i = 0; i < 2; ++i)
    CheckSample(CacheHealthSample(body, {.expected = {"L1", "L2"}}, watch));
  // Everything is elsewhere, wherever that leads to.
  const CacheShape elsewhere{
      .fields = {{"tiers", "/dependencies"}, {"hits", "/a/0"}, {"status", ""}},
      .tier_fields = {{"name", "/name"}, {"hits", "/stats/entries"}}};
  CheckSample(CacheHealthSample(body, elsewhere, watch));
  CheckSample(DatabaseHealthSample({body, body, body, body, body}, 1));
  return 0;
}
