#include "alerts/receivers/payload_template.h"

#include <fmt/format.h>

#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

namespace tierwatch {
namespace {

bool IsOneOf(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

template <class Number>
std::optional<Number> NumberIn(std::string_view text) {
  Number number{};
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (status != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// YAML 1.2's core schema, as far as JSON can say it.
nlohmann::json Scalar(const YamlNode& node) {
  const std::string& text = node.text();
  if (node.quoted()) return text;
  if (IsOneOf(text, {"", "~", "null", "Null", "NULL"})) return nullptr;
  if (IsOneOf(text, {"true", "True", "TRUE"})) return true;
  if (IsOneOf(text, {"false", "False", "FALSE"})) return false;
  if (const auto integer = NumberIn<std::int64_t>(text)) return *integer;
  const bool decimal = text.find_first_not_of("0123456789+-.eE") == std::string::npos;
  if (const auto number = decimal ? NumberIn<double>(text) : std::nullopt) return *number;
  return text;
}

nlohmann::json FromYaml(const YamlNode& node) {
  if (node.IsNull()) return nullptr;
  if (node.IsScalar()) return Scalar(node);
  if (node.IsSequence()) {
    nlohmann::json list = nlohmann::json::array();
    for (const YamlNode& item : node.items()) list.push_back(FromYaml(item));
    return list;
  }
  nlohmann::json object = nlohmann::json::object();
  for (const YamlNode::Entry& entry : node.entries()) object[entry.key] = FromYaml(entry.value);
  return object;
}

nlohmann::json Typed(const std::string& text) {
  Diagnostics nobody_asks;
  const std::optional<YamlNode> node = YamlNode::Parse(text, "payload", nobody_asks);
  if (!node) return text;
  nlohmann::json json = FromYaml(*node);
  return json.is_string() ? nlohmann::json(text) : json;
}

}  // namespace

struct PayloadTemplate::Json {
  nlohmann::json value;
};

PayloadTemplate PayloadTemplate::Read(const YamlNode& node, const GlobalConfig& global,
                                      Diagnostics& diagnostics) {
  const auto compile = [&](std::string_view text, const Location& where) {
    Parsed<NotificationTemplate> compiled = NotificationTemplate::Compile(text, global.templates);
    if (auto* good = std::get_if<NotificationTemplate>(&compiled)) return std::move(*good);
    const TextError& error = std::get<TextError>(compiled);
    diagnostics.Add(where,
                    fmt::format("payload: template: at byte {}: {}", error.offset, error.message));
    return NotificationTemplate();
  };
  PayloadTemplate payload;
  payload.kind_ = node.kind();
  if (node.IsScalar()) payload.text_ = compile(node.text(), node.where());
  for (const YamlNode& item : node.items())
    payload.items_.push_back(Read(item, global, diagnostics));
  for (const YamlNode::Entry& entry : node.entries()) {
    payload.members_.emplace_back(compile(entry.key, entry.where),
                                  Read(entry.value, global, diagnostics));
  }
  return payload;
}

PayloadTemplate::Json PayloadTemplate::Expanded(const NotificationData& data) const {
  if (kind_ == YamlNode::Kind::kScalar) return {Typed(text_.Expand(data))};
  Json json;
  if (kind_ == YamlNode::Kind::kSequence) json.value = nlohmann::json::array();
  if (kind_ == YamlNode::Kind::kMap) json.value = nlohmann::json::object();
  for (const PayloadTemplate& item : items_) json.value.push_back(item.Expanded(data).value);
  for (const auto& [key, member] : members_)
    json.value[key.Expand(data)] = member.Expanded(data).value;
  return json;
}

std::string PayloadTemplate::Expand(const NotificationData& data) const {
  return Expanded(data).value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace tierwatch
