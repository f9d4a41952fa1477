#include "alerts/rules/rule_succession.h"

#include <map>
#include <tuple>

namespace tierwatch {
namespace {

auto Place(const RuleIdentity& rule) { return std::tie(rule.file, rule.group, rule.rule); }
auto Meaning(const RuleIdentity& rule) { return std::tie(rule.rule, rule.expr); }

// Gives those that have no predecessor yet one with the same key.
template <class Key>
void Match(std::span<const RuleIdentity> rules, std::span<const RuleIdentity> former, Key key,
           std::vector<bool>& taken, std::vector<std::optional<std::size_t>>& found) {
  std::multimap<decltype(key(former[0])), std::size_t> free;
  for (std::size_t i = 0; i < former.size(); ++i) {
    if (!taken[i]) free.emplace(key(former[i]), i);
  }
  for (std::size_t i = 0; i < rules.size(); ++i) {
    if (found[i]) continue;
    const auto at = free.find(key(rules[i]));
    if (at == free.end()) continue;
    found[i] = at->second;
    taken[at->second] = true;
    free.erase(at);
  }
}

}  // namespace

std::vector<std::optional<std::size_t>> Predecessors(std::span<const RuleIdentity> rules,
                                                     std::span<const RuleIdentity> former) {
  std::vector<std::optional<std::size_t>> found(rules.size());
  std::vector<bool> taken(former.size());
  Match(rules, former, Place, taken, found);
  Match(rules, former, Meaning, taken, found);
  return found;
}

}  // namespace tierwatch
