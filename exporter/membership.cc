#include "exporter/membership.h"

#include <set>

namespace tierwatch {

void Membership::Told(const std::string& source, const std::optional<Members>& members) {
  Source& told = sources_[source];
  told.asked = true;
  told.answers = members.has_value();
  if (members) told.named = *members;
}

std::optional<std::vector<std::string>> Membership::Wanted() const {
  std::set<std::string> wanted;
  bool known = false;
  for (const auto& [name, source] : sources_) {
    if (!source.asked) return std::nullopt;
    if (!source.answers) continue;
    known = true;
    wanted.insert(source.named.addresses.begin(), source.named.addresses.end());
  }
  if (!known) return std::nullopt;
  // A source that is down is a member all the same, and is watched under its own name.
  for (const auto& [name, source] : sources_) wanted.erase(source.named.self);
  return std::vector<std::string>(wanted.begin(), wanted.end());
}

}  // namespace tierwatch
