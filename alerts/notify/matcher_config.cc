#include "alerts/notify/matcher_config.h"

#include <fmt/format.h>

namespace tierwatch {
namespace {

void Add(const Location& where, Result<AlertMatcher> matcher, YamlMap& map,
         AlertMatchers& matchers) {
  if (matcher.ok()) {
    matchers.Add(*std::move(matcher));
  } else {
    map.diagnostics().Add(where, matcher.error().message);
  }
}

// A map of names and values, as it was before lists of matchers.
void ReadOld(YamlMap& map, std::string_view key, AlertMatch type, AlertMatchers& matchers) {
  map.StringMap(key);  // reports what is no map of texts
  const YamlNode* old = map.Get(key);
  if (old == nullptr) return;
  for (const YamlNode::Entry& entry : old->entries()) {
    if (entry.value.IsNull() && type == AlertMatch::kRegex) {
      map.diagnostics().Add(entry.where,
                            fmt::format("{}: \"{}\" has no regular expression", key, entry.key));
    } else if (entry.value.IsScalar() || entry.value.IsNull()) {
      Add(entry.where, AlertMatcher::Make(entry.key, type, entry.value.text()), map, matchers);
    }
  }
}

}  // namespace

AlertMatchers ReadMatchers(YamlMap& map, const MatcherKeys& keys) {
  AlertMatchers matchers;
  ReadOld(map, keys.equal, AlertMatch::kEqual, matchers);
  ReadOld(map, keys.regex, AlertMatch::kRegex, matchers);
  map.Strings(keys.list);  // reports what is no list of texts
  const YamlNode* list = map.Get(keys.list);
  if (list == nullptr) return matchers;
  for (const YamlNode& item : list->items()) {
    if (!item.IsScalar()) continue;
    Result<std::vector<AlertMatcher>> parsed = ParseAlertMatchers(item.text());
    if (!parsed.ok()) {
      map.diagnostics().Add(item.where(), parsed.error().message);
      continue;
    }
    for (AlertMatcher& matcher : *parsed) matchers.Add(std::move(matcher));
  }
  return matchers;
}

}  // namespace tierwatch
