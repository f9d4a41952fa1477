#include "alerts/notify/route.h"

#include <algorithm>

namespace tierwatch {

std::vector<const Route*> Route::Match(const Labels& labels) const {
  std::vector<const Route*> found;
  if (!matchers.Matches(labels)) return found;
  for (const Route& route : routes) {
    const std::vector<const Route*> deeper = route.Match(labels);
    found.insert(found.end(), deeper.begin(), deeper.end());
    if (!deeper.empty() && !route.continue_matching) break;
  }
  if (found.empty()) found.push_back(this);
  return found;
}

Labels Route::GroupLabels(const Labels& labels) const {
  if (group_by_all) return labels;
  std::vector<Label> chosen;
  for (const std::string& name : group_by) chosen.push_back({name, std::string(labels.Get(name))});
  return Labels(std::move(chosen));
}

}  // namespace tierwatch
