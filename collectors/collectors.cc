// The table of collectors, made from collectors.def, and what they share in reading an entry.
#include <fmt/format.h>

#include <algorithm>

#include "base/http_client.h"
#include "collectors/collector.h"

namespace tierwatch {

#define COLLECTOR(stem, Name, summary)                                \
  std::span<const MetricInfo> Name##Metrics();                        \
  CollectorEntry Read##Name(YamlMap& entry, std::string_view service, \
                            CollectorResources& resources);
#include "collectors/collectors.def"
#undef COLLECTOR

std::span<const CollectorKind> CollectorKinds() {
#define COLLECTOR(stem, Name, summary) CollectorKind{#stem, summary, Name##Metrics(), &Read##Name},
  static const std::vector<CollectorKind> kKinds{
#include "collectors/collectors.def"
  };
#undef COLLECTOR
  return kKinds;
}

Millis SampleContext::Remaining() const {
  return std::max(Millis{1}, std::chrono::duration_cast<Millis>(deadline - clock.Steady()));
}

Sample Sample::Down(Error error, std::vector<prometheus::MetricFamily> families) {
  Sample sample;
  sample.families = std::move(families);
  sample.errors.push_back(std::move(error));
  sample.up = false;
  return sample;
}

std::vector<std::string> ReadTargets(YamlMap& entry,
                                     std::initializer_list<std::string_view> schemes) {
  std::vector<std::string> targets;
  for (const std::string& text : entry.Strings("targets")) {
    const Result<Url> url = ParseUrl(text);
    const auto known = [&](std::string_view scheme) { return url.ok() && url->scheme == scheme; };
    if (std::none_of(schemes.begin(), schemes.end(), known)) {
      entry.diagnostics().Add(
          entry.Where("targets"),
          fmt::format("a target must be a URL of {}://, not {}", fmt::join(schemes, ":// or "),
                      url.ok() ? url->scheme + "://…" : url.error().message));
      continue;
    }
    targets.push_back(text);
  }
  return targets;
}

}  // namespace tierwatch
