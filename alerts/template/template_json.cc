#include "alerts/template/template_json.h"

#include <fmt/format.h>

#include <cmath>

#include "alerts/template/go_format.h"

namespace tierwatch::tmpl {
namespace {

std::string FieldName(const std::string& name) {
  if (name == "GeneratorURL") return "generatorURL";
  if (name == "ExternalURL") return "externalURL";
  std::string small = name;
  if (!small.empty() && small[0] >= 'A' && small[0] <= 'Z')
    small[0] = static_cast<char>(small[0] + 32);
  return small;
}

std::string ObjectJson(const Mapping& mapping) {
  std::string text = "{";
  for (const auto& [key, value] : mapping.entries) {
    if (text.size() > 1) text += ',';
    const bool is_struct = mapping.kind == Mapping::Kind::kStruct;
    text += JsonString(is_struct ? FieldName(key) : key) + ":" + ToJson(value);
  }
  return text + "}";
}

}  // namespace

std::string JsonString(std::string_view text) {
  const std::string valid = ToUtf8(text);
  std::string out = "\"";
  for (std::size_t i = 0; i < valid.size(); ++i) {
    const char c = valid[i];
    const std::string_view separator = std::string_view(valid).substr(i, 3);
    if (separator == "\u2028" || separator == "\u2029") {
      out += separator == "\u2028" ? "\\u2028" : "\\u2029";
      i += 2;
    } else if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n' || c == '\r' || c == '\t' || c == '\b' || c == '\f') {
      out += '\\';
      out += c == '\n' ? 'n' : c == '\r' ? 'r' : c == '\t' ? 't' : c == '\b' ? 'b' : 'f';
    } else if (static_cast<unsigned char>(c) < 0x20 || c == '<' || c == '>' || c == '&') {
      out += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string ToJson(const Value& value) {
  if (value.IsNil()) return "null";
  if (const auto* b = value.As<bool>()) return *b ? "true" : "false";
  if (const auto* i = value.As<std::int64_t>()) return std::to_string(*i);
  if (const auto* d = value.As<double>()) return std::isfinite(*d) ? ToText(value) : "null";
  if (const auto* time = value.As<Time>())
    return JsonString(FormatTime(*time, "2006-01-02T15:04:05.999999999Z07:00"));
  if (const auto* duration = value.As<Duration>()) return std::to_string(duration->ns);
  if (const List* list = value.AsList()) {
    std::string text = "[";
    for (const Value& item : *list) {
      if (text.size() > 1) text += ',';
      text += ToJson(item);
    }
    return text + "]";
  }
  if (const Mapping* mapping = value.AsMapping()) return ObjectJson(*mapping);
  return JsonString(ToText(value));
}

}  // namespace tierwatch::tmpl
