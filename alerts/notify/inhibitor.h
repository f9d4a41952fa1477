// Inhibition: alerts that are not told while others fire.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "alerts/notify/matcher.h"
#include "alerts/rules/alert.h"
#include "base/yaml.h"

namespace tierwatch {

/// A firing source mutes each target whose labels `equal` are the same.
struct InhibitRule {
  AlertMatchers source;
  AlertMatchers target;
  std::vector<std::string> equal;
};

/// Reads `inhibit_rules`.
std::vector<InhibitRule> ReadInhibitRules(YamlMap& map);

/// Follows which alerts fire. Not thread-safe. Source of the semantics: alertmanager/inhibit.
class Inhibitor {
 public:
  /// `rules` must outlive it.
  explicit Inhibitor(const std::vector<InhibitRule>& rules)
      : rules_(rules), sources_(rules.size()) {}

  /// Takes a firing or resolved alert.
  void Put(const Alert& alert);
  /// Whether an alert with these labels is muted now. One that is source and target of a rule is
  /// not muted by another such one, itself included.
  bool Mutes(const Labels& labels) const;

 private:
  const std::vector<InhibitRule>& rules_;
  // For each rule: the firing sources, by the values of its `equal` labels.
  std::vector<std::map<Labels, std::set<Labels>>> sources_;
};

}  // namespace tierwatch
