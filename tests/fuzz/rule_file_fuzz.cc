// Rule and signal files from outside: whatever the bytes, rules or findings; templates expand
// within their bounds, and whatever was read can be checked.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "alerts/rules/rule_check.h"
#include "alerts/rules/rule_export.h"
#include "alerts/rules/rule_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tierwatch;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Diagnostics diagnostics;
  SignalTable signals = {{"up", {"up", Unit::kBoolean, "", {"service"}, {}}},
                         {"ratio", {"r", Unit::kRatio, "", {"service"}, {}}},
                         {"lag", {"l", Unit::kSeconds, "", {"service"}, {}}}};
  ReadSignals(text, "fuzz.yml", signals, diagnostics);
  const auto groups = ReadRules(text, "fuzz.yml", signals, {}, diagnostics);
  const TemplateData alert{{{"service", "s"}}, 1.5, {}, "http://t", 1'700'000'000'000};
  for (const RuleGroup& group : groups) {
    for (const Rule& rule : group.rules) {
      for (const TemplatedText& annotation : rule.annotations)
        (void)annotation.text.Expand(alert, nullptr);
    }
  }
  (void)ExportPrometheus(groups);
  RuleText places(std::map<std::string, std::string>{{"fuzz.yml", std::string(text)}});
  (void)CheckRules(groups, {}, places);
  // The bytes as a bare template too: YAML is a narrow door.
  const Parsed<Template> compiled = Template::Compile(text);
  if (const auto* usable = std::get_if<Template>(&compiled)) (void)usable->Expand(alert, nullptr);
  return 0;
}
