#include "alerts/series/index.h"

#include <algorithm>
#include <iterator>

namespace tierwatch::series {
namespace {

constexpr std::size_t kNodeBytes = 64;  // what a map node and its string cost, about

}  // namespace

void Index::Add(SeriesId id, const Labels& labels) {
  for (const Label& label : labels) {
    Postings& postings = names_[label.name][label.value];
    if (postings.empty()) bytes_ += kNodeBytes + label.value.size();
    bytes_ += sizeof(SeriesId);
    postings.insert(std::upper_bound(postings.begin(), postings.end(), id), id);
  }
}

void Index::Remove(SeriesId id, const Labels& labels) {
  for (const Label& label : labels) {
    const auto name = names_.find(label.name);
    if (name == names_.end()) continue;
    const auto value = name->second.find(label.value);
    if (value == name->second.end()) continue;
    Postings& postings = value->second;
    const auto at = std::lower_bound(postings.begin(), postings.end(), id);
    if (at == postings.end() || *at != id) continue;
    postings.erase(at);
    bytes_ -= sizeof(SeriesId);
    if (!postings.empty()) continue;
    bytes_ -= kNodeBytes + label.value.size();
    name->second.erase(value);
    if (name->second.empty()) names_.erase(name);
  }
}

Index::Postings Index::Union(const PostingsByValue& values, const Matcher& matcher) const {
  const bool listed = matcher.type() == MatchType::kEqual || matcher.type() == MatchType::kRegexp;
  Postings ids;
  std::size_t lists = 0;
  const auto add = [&](const Postings& postings) {
    ids.insert(ids.end(), postings.begin(), postings.end());
    ++lists;
  };
  if (listed && !matcher.literals().empty()) {
    for (const std::string& literal : matcher.literals()) {
      if (const auto at = values.find(literal); at != values.end()) add(at->second);
    }
  } else {
    for (const auto& [value, postings] : values) {
      if (matcher.Matches(value)) add(postings);
    }
  }
  if (lists > 1) {
    std::sort(ids.begin(), ids.end());
    ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  }
  return ids;
}

bool Index::Candidates(std::span<const Matcher> matchers, std::vector<SeriesId>& ids,
                       std::vector<const Matcher*>& rest) const {
  bool narrowed = false;
  for (const Matcher& matcher : matchers) {
    if (matcher.Matches("")) {
      rest.push_back(&matcher);
      continue;
    }
    const auto name = names_.find(matcher.name());
    Postings found = name == names_.end() ? Postings{} : Union(name->second, matcher);
    if (narrowed) {
      Postings both;
      std::set_intersection(ids.begin(), ids.end(), found.begin(), found.end(),
                            std::back_inserter(both));
      found = std::move(both);
    }
    ids = std::move(found);
    narrowed = true;
  }
  return narrowed;
}

std::vector<std::string> Index::Names() const {
  std::vector<std::string> names;
  for (const auto& [name, values] : names_) names.push_back(name);
  return names;
}

std::vector<std::string> Index::Values(std::string_view name) const {
  std::vector<std::string> values;
  if (const auto at = names_.find(name); at != names_.end()) {
    for (const auto& [value, postings] : at->second) values.push_back(value);
  }
  return values;
}

}  // namespace tierwatch::series
