// Where the parts of rules stand in their files, for findings that come after reading.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "alerts/rules/rule.h"
#include "base/yaml.h"

namespace tierwatch {

/// Reads a file again when a place in it is first asked for.
class RuleText {
 public:
  /// The texts of rule files by their names. In others everything stands where its rule does.
  explicit RuleText(std::map<std::string, std::string> files) : files_(std::move(files)) {}

  /// Byte `offset` of `expr`. A condition is another text than its expression: its own start.
  Location InExpression(const Rule& rule, std::size_t offset);
  /// Byte `offset` of the value of `name` in the map `key`: labels or annotations.
  Location InTemplate(const Rule& rule, std::string_view key, const std::string& name,
                      std::size_t offset);
  /// False for an override of an alert.
  bool IsNamed(const Rule& rule);

 private:
  using Nodes = std::map<std::pair<int, int>, YamlNode>;  // by line and column
  const YamlNode* NodeOf(const Rule& rule);

  std::map<std::string, std::string> files_;
  std::map<std::string, Nodes> nodes_;
};

}  // namespace tierwatch
