#include "alerts/rules/rule_export.h"

#include <fmt/format.h>

#include <string_view>

#include "base/duration.h"

namespace tierwatch {
namespace {

/// A double-quoted YAML scalar: the one style that can hold any text.
std::string YamlQuote(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    switch (c) {
      case '"':
        quoted += "\\\"";
        break;
      case '\\':
        quoted += "\\\\";
        break;
      case '\n':
        quoted += "\\n";
        break;
      case '\t':
        quoted += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
          quoted += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
        } else {
          quoted += c;
        }
    }
  }
  return quoted + '"';
}

void WriteTexts(std::string& out, std::string_view key, const std::vector<TemplatedText>& texts) {
  if (texts.empty()) return;
  out += fmt::format("        {}:\n", key);
  for (const TemplatedText& text : texts) {
    const std::string name = IsLegacyLabelName(text.name) ? text.name : YamlQuote(text.name);
    out += fmt::format("          {}: {}\n", name, YamlQuote(text.text.text()));
  }
}

void WriteRule(std::string& out, const Rule& rule) {
  out += fmt::format("      - {}: {}\n", rule.kind == Rule::Kind::kAlerting ? "alert" : "record",
                     YamlQuote(rule.name));
  out += fmt::format("        expr: {}\n", YamlQuote(rule.expr_text));
  if (rule.hold.count() > 0) out += fmt::format("        for: {}\n", FormatDuration(rule.hold));
  if (rule.keep_firing.count() > 0) {
    out += fmt::format("        keep_firing_for: {}\n", FormatDuration(rule.keep_firing));
  }
  WriteTexts(out, "labels", rule.labels);
  WriteTexts(out, "annotations", rule.annotations);
}

}  // namespace

std::string ExportPrometheus(const std::vector<RuleGroup>& groups) {
  std::string out = "groups:\n";
  for (const RuleGroup& group : groups) {
    out += fmt::format("  - name: {}\n    interval: {}\n", YamlQuote(group.name),
                       FormatDuration(group.interval));
    if (group.query_offset.count() > 0)
      out += fmt::format("    query_offset: {}\n", FormatDuration(group.query_offset));
    if (group.limit > 0) out += fmt::format("    limit: {}\n", group.limit);
    out += "    rules:\n";
    for (const Rule& rule : group.rules) WriteRule(out, rule);
  }
  return groups.empty() ? "groups: []\n" : out;
}

}  // namespace tierwatch
