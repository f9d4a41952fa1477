// Which few of many things have a name of their own: the heaviest of late, and not by turns.
#pragma once

#include <algorithm>
#include <cstddef>
#include <map>
#include <utility>
#include <vector>

namespace tierwatch {

/// Names the `top` keys of most load of late.
///
/// - A key's load is the sum of its weights, a sixteenth of it forgotten at each sampling.
/// - A key keeps its name until it has not been among the `top` for kPatience samplings running, so
///   that two of nearly the same load don't take turns. At equal load, who has a name is before who
///   has none, then the lesser key.
///
/// Not thread-safe.
template <class Key>
class StickyTop {
 public:
  static constexpr int kPatience = 4;

  explicit StickyTop(std::size_t top) : top_(top) {}

  /// One sampling: what each key weighed since the last one. A key that is not among them is
  /// forgotten, its name with it.
  void Update(const std::map<Key, double>& weights);

  bool Named(const Key& key) const {
    const auto found = entries_.find(key);
    return found != entries_.end() && found->second.named;
  }
  std::vector<Key> Names() const;

 private:
  static constexpr double kMemory = 15.0 / 16;

  struct Entry {
    double load = 0;
    bool named = false;
    int outside = 0;  // samplings running that it was named, but not among the top
  };
  void Name();

  const std::size_t top_;
  std::map<Key, Entry> entries_;
};

template <class Key>
void StickyTop<Key>::Update(const std::map<Key, double>& weights) {
  std::map<Key, Entry> now;
  for (const auto& [key, weight] : weights) {
    const auto known = entries_.find(key);
    Entry entry = known == entries_.end() ? Entry{} : known->second;
    entry.load = entry.load * kMemory + weight;
    now.emplace_hint(now.end(), key, entry);
  }
  entries_ = std::move(now);
  Name();
}

// The top of now decides who has been outside for too long; free names go to the heaviest.
template <class Key>
void StickyTop<Key>::Name() {
  std::vector<Entry*> ranking;
  std::size_t named = 0;
  for (auto& [key, entry] : entries_) {
    ranking.push_back(&entry);
    if (entry.named) ++named;
  }
  std::stable_sort(ranking.begin(), ranking.end(), [](const Entry* a, const Entry* b) {
    return std::pair(a->load, a->named) > std::pair(b->load, b->named);
  });
  for (std::size_t i = 0; i < ranking.size(); ++i) {
    Entry& entry = *ranking[i];
    entry.outside = entry.named && i >= top_ ? entry.outside + 1 : 0;
    if (entry.outside < kPatience) continue;
    entry.named = false;
    entry.outside = 0;
    --named;
  }
  for (std::size_t i = 0; i < ranking.size() && named < top_; ++i) {
    if (ranking[i]->named) continue;
    ranking[i]->named = true;
    ++named;
  }
}

template <class Key>
std::vector<Key> StickyTop<Key>::Names() const {
  std::vector<Key> names;
  for (const auto& [key, entry] : entries_) {
    if (entry.named) names.push_back(key);
  }
  return names;
}

}  // namespace tierwatch
