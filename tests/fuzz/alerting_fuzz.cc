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
  }
  (void)diagnostics.ToString();
  return 0;
}
