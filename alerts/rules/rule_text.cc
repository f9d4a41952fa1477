#include "alerts/rules/rule_text.h"

#include "base/place.h"

namespace tierwatch {
namespace {

/// The items of the list `key`, and those of the list `inner_key` of each.
void PutItems(const YamlNode& map, std::string_view key, std::string_view inner_key,
              std::map<std::pair<int, int>, YamlNode>& nodes) {
  const YamlNode* list = map.Find(key);
  if (list == nullptr) return;
  for (const YamlNode& item : list->items()) {
    nodes.emplace(std::pair(item.where().line, item.where().column), item);
    if (!inner_key.empty()) PutItems(item, inner_key, "", nodes);
  }
}

}  // namespace

const YamlNode* RuleText::NodeOf(const Rule& rule) {
  const auto file = files_.find(rule.where.file);
  if (file == files_.end()) return nullptr;
  const auto [read, is_new] = nodes_.try_emplace(rule.where.file);
  Nodes& nodes = read->second;
  if (is_new) {
    Diagnostics ignored;  // whoever read the rules was told
    const auto root = YamlNode::Parse(file->second, rule.where.file, ignored);
    if (root) PutItems(*root, "groups", "rules", nodes);
    if (root) PutItems(*root, "alerts", "overrides", nodes);
  }
  const auto node = nodes.find({rule.where.line, rule.where.column});
  return node == nodes.end() ? nullptr : &node->second;
}

Location RuleText::InExpression(const Rule& rule, std::size_t offset) {
  const YamlNode* node = NodeOf(rule);
  if (node == nullptr) return rule.where;
  if (const YamlNode* expr = node->Find("expr"))
    return PlaceInScalar(files_.find(rule.where.file)->second, *expr, offset);
  const YamlNode* condition = node->Find("condition");
  return condition == nullptr ? rule.where : condition->where();
}

Location RuleText::InTemplate(const Rule& rule, std::string_view key, const std::string& name,
                              std::size_t offset) {
  const YamlNode* node = NodeOf(rule);
  const YamlNode* texts = node == nullptr ? nullptr : node->Find(key);
  const YamlNode* text = texts == nullptr ? nullptr : texts->Find(name);
  if (text == nullptr) return rule.where;
  return PlaceInScalar(files_.find(rule.where.file)->second, *text, offset);
}

bool RuleText::IsNamed(const Rule& rule) {
  const YamlNode* node = NodeOf(rule);
  return node == nullptr || node->Find("match") == nullptr;
}

}  // namespace tierwatch
