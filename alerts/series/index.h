// The inverted index: from label matchers to the ids of series.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "alerts/series/matcher.h"
#include "alerts/series/queryable.h"
#include "base/labels.h"

namespace tierwatch::series {

/// Not thread-safe: the store's lock guards it.
class Index {
 public:
  void Add(SeriesId id, const Labels& labels);
  void Remove(SeriesId id, const Labels& labels);

  /// Ids, ascending, of a set of series that holds all matches. `rest` receives the matchers that
  /// it didn't settle: those that an absent label satisfies. False: no matcher narrows the set,
  /// every series is a candidate.
  bool Candidates(std::span<const Matcher> matchers, std::vector<SeriesId>& ids,
                  std::vector<const Matcher*>& rest) const;

  std::vector<std::string> Names() const;
  std::vector<std::string> Values(std::string_view name) const;
  std::size_t bytes() const { return bytes_; }

 private:
  using Postings = std::vector<SeriesId>;  // ascending
  using PostingsByValue = std::map<std::string, Postings, std::less<>>;

  Postings Union(const PostingsByValue& values, const Matcher& matcher) const;

  std::map<std::string, PostingsByValue, std::less<>> names_;
  std::size_t bytes_ = 0;
};

}  // namespace tierwatch::series
