// YAML from outside: whatever the bytes, a tree or findings.
#include <cstddef>
#include <cstdint>

#include "base/yaml.h"

namespace {

void Walk(const tierwatch::YamlNode& node, std::size_t& budget) {
  if (budget == 0) return;
  --budget;
  (void)node.Describe();
  for (const auto& item : node.items()) Walk(item, budget);
  for (const auto& entry : node.entries()) Walk(entry.value, budget);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tierwatch::Diagnostics diagnostics;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto root = tierwatch::YamlNode::Parse(text, "fuzz.yml", diagnostics)) {
    std::size_t budget = 100'000;
    Walk(*root, budget);
    tierwatch::YamlMap map(*root, "document", diagnostics);
    (void)map.Duration("interval");
    (void)map.Strings("targets");
  }
  (void)diagnostics.ToString();
  return 0;
}
