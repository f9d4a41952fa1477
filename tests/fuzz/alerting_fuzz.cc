// The `alerting:` section and matchers from outside: whatever the bytes, a configuration or
// findings, and routes that can be asked.
#include <cstddef>
#include <cstdint>

#include "alerts/notify/config.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const tierwatch::Labels labels{{"alertname", "A"}, {"severity", "critical"}, {"foo", "bar"}};
  if (const auto matchers = tierwatch::ParseAlertMatchers(text); matchers.ok()) {
    for (const tierwatch::AlertMatcher& matcher : *matchers) {
      (void)matcher.Matches(labels);
      (void)matcher.ToString();
    }
  }
  tierwatch::Diagnostics diagnostics;
  if (const auto root = tierwatch::YamlNode::Parse(text, "fuzz.yml", diagnostics)) {
    const tierwatch::NotifyConfig config = tierwatch::ReadNotifyConfig(*root, diagnostics);
    if (config.route) (void)config.route->Match(labels);
    for (const auto& [name, intervals] : config.time_intervals) {
      for (const tierwatch::TimeInterval& interval : intervals) {
        for (const tierwatch::TimestampMs time : {-1LL, 1'709'164'800'000LL, 253'402'300'799'999LL})
          (void)interval.Holds(time);
      }
    }
  }
  (void)diagnostics.ToString();
  return 0;
}
