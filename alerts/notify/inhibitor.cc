#include "alerts/notify/inhibitor.h"

#include <algorithm>

#include "alerts/notify/matcher_config.h"
#include "alerts/receivers/global_config.h"
#include "alerts/receivers/http_config.h"

namespace tierwatch {
namespace {

Labels EqualPart(const InhibitRule& rule, const Labels& labels) {
  std::vector<Label> part;
  for (const std::string& name : rule.equal) part.push_back({name, std::string(labels.Get(name))});
  return Labels(std::move(part));
}

}  // namespace

std::vector<InhibitRule> ReadInhibitRules(YamlMap& map) {
  std::vector<InhibitRule> rules;
  for (const YamlNode& node : ReadList(map, "inhibit_rules")) {
    YamlMap keys(node, "inhibit rule", map.diagnostics());
    keys.String("name");  // for people
    Refuse(keys, "sources");
    rules.push_back({ReadMatchers(keys, {"source_match", "source_match_re", "source_matchers"}),
                     ReadMatchers(keys, {"target_match", "target_match_re", "target_matchers"}),
                     keys.Strings("equal")});
  }
  return rules;
}

void Inhibitor::Put(const Alert& alert) {
  for (std::size_t i = 0; i < rules_.size(); ++i) {
    if (!rules_[i].source.Matches(alert.labels)) continue;
    const Labels part = EqualPart(rules_[i], alert.labels);
    if (alert.state == AlertState::kFiring) {
      sources_[i][part].insert(alert.labels);
    } else if (const auto at = sources_[i].find(part); at != sources_[i].end()) {
      at->second.erase(alert.labels);
      if (at->second.empty()) sources_[i].erase(at);
    }
  }
}

bool Inhibitor::Mutes(const Labels& labels) const {
  for (std::size_t i = 0; i < rules_.size(); ++i) {
    const InhibitRule& rule = rules_[i];
    if (sources_[i].empty() || !rule.target.Matches(labels)) continue;
    const auto at = sources_[i].find(EqualPart(rule, labels));
    if (at == sources_[i].end()) continue;
    const bool two_sided = rule.source.Matches(labels);
    if (std::any_of(at->second.begin(), at->second.end(), [&](const Labels& source) {
          return !two_sided || !rule.target.Matches(source);
        }))
      return true;
  }
  return false;
}

}  // namespace tierwatch
