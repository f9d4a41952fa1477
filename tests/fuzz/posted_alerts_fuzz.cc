// Alerts of others: whatever the body, each that is taken has a name, an order of times, and a
// state.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "exporter/api/posted_alerts.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  const auto posted =
      tierwatch::api::ReadPostedAlerts(body, 1'700'000'000'000, tierwatch::Millis{300'000});
  for (const tierwatch::Alert& alert : posted.alerts) {
    const bool firing = alert.state == tierwatch::AlertState::kFiring;
    const auto end = firing ? alert.valid_until : alert.resolved_at;
    if (alert.labels.empty() || end < alert.fired_at) std::abort();
    if (firing != (end > 1'700'000'000'000)) std::abort();
  }
  return 0;
}
