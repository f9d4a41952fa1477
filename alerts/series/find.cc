#include "alerts/series/find.h"

#include <algorithm>
#include <optional>
#include <unordered_map>

namespace tierwatch::series {
namespace {

// Asks `interrupt` now and then and keeps its error.
class Breaks {
 public:
  explicit Breaks(const Interrupt& interrupt) : interrupt_(interrupt) {}
  bool Now() {
    constexpr unsigned kEvery = 4096;
    if (!error_ && interrupt_ && ++count_ % kEvery == 0) error_ = interrupt_();
    return error_.has_value();
  }
  const std::optional<Error>& error() const { return error_; }

 private:
  const Interrupt& interrupt_;
  unsigned count_ = 0;
  std::optional<Error> error_;
};

// A matcher over the numbers of texts.
class Test {
 public:
  Test(const Matcher& matcher, const Symbols& symbols) : matcher_(&matcher), symbols_(&symbols) {
    const std::optional<Symbol> name = symbols.Find(matcher.name());
    name_ = name.value_or(kNoText);
    listed_ = !matcher.literals().empty();
    negative_ = matcher.type() == MatchType::kNotEqual || matcher.type() == MatchType::kNotRegexp;
    for (const std::string& literal : matcher.literals()) {
      if (const std::optional<Symbol> symbol = symbols.Find(literal)) values_.push_back(*symbol);
    }
    matches_empty_ = matcher.Matches("");
  }

  Symbol name() const { return name_; }
  /// Series without the label satisfy it: no index helps.
  bool matches_empty() const { return matches_empty_; }
  /// All values that match are known without looking at those that there are.
  bool listed() const { return listed_ && !negative_; }
  std::span<const Symbol> values() const { return values_; }

  bool operator()(LabelPairs labels) { return (*this)(ValueOf(labels, name_)); }
  bool operator()(Symbol value) {
    if (value == kNoText || name_ == kNoText) return matches_empty_;
    if (listed_) return (std::ranges::find(values_, value) != values_.end()) != negative_;
    const auto [known, fresh] = known_.try_emplace(value, false);
    if (fresh) known->second = matcher_->Matches(symbols_->Text(value));
    return known->second;
  }

 private:
  const Matcher* matcher_;
  const Symbols* symbols_;
  Symbol name_;
  bool listed_, negative_, matches_empty_;
  std::vector<Symbol> values_;
  std::unordered_map<Symbol, bool> known_;
};

// The values whose series a test wants.
std::vector<Symbol> Wanted(const SeriesTable& table, Test& test, Breaks& breaks) {
  if (test.listed()) return {test.values().begin(), test.values().end()};
  std::vector<Symbol> wanted;
  for (const Symbol value : table.index().Values(test.name())) {
    if (breaks.Now()) break;
    if (test(value)) wanted.push_back(value);
  }
  return wanted;
}

// The tests' series that are fewest, but for tests that the others make needless to try: patterns
// over more values than there are series already.
std::optional<std::vector<SeriesId>> Candidates(const SeriesTable& table, std::vector<Test>& tests,
                                                Breaks& breaks) {
  std::stable_sort(tests.begin(), tests.end(),
                   [](const Test& a, const Test& b) { return a.listed() > b.listed(); });
  std::optional<std::size_t> fewest;
  Symbol name = kNoText;
  std::vector<Symbol> values;
  for (Test& test : tests) {
    if (test.matches_empty()) continue;
    if (fewest && !test.listed() && table.index().Values(test.name()).size() > *fewest) continue;
    std::vector<Symbol> wanted = Wanted(table, test, breaks);
    std::size_t count = 0;
    for (const Symbol value : wanted) count += table.index().Postings({test.name(), value}).size();
    if (fewest && count >= *fewest) continue;
    fewest = count;
    name = test.name();
    values = std::move(wanted);
  }
  if (!fewest) return std::nullopt;
  std::vector<SeriesId> ids;
  ids.reserve(*fewest);
  for (const Symbol value : values) {
    const std::span<const SeriesId> postings = table.index().Postings({name, value});
    ids.insert(ids.end(), postings.begin(), postings.end());
  }
  if (!std::is_sorted(ids.begin(), ids.end())) std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

}  // namespace

Result<std::vector<SeriesId>> FindSeries(const SeriesTable& table, const Symbols& symbols,
                                         std::span<const Matcher> matchers,
                                         const Interrupt& interrupt) {
  std::vector<Test> tests;
  tests.reserve(matchers.size());
  for (const Matcher& matcher : matchers) tests.emplace_back(matcher, symbols);
  Breaks breaks(interrupt);
  std::optional<std::vector<SeriesId>> ids = Candidates(table, tests, breaks);
  if (!ids) {
    ids.emplace();
    ids->reserve(table.size());
    for (SeriesId id = 0; id < table.limit(); ++id) {
      if (table.Has(id)) ids->push_back(id);
    }
  }
  std::erase_if(*ids, [&](SeriesId id) {
    if (breaks.Now()) return true;
    const LabelPairs labels = table.labels(id);
    return !std::all_of(tests.begin(), tests.end(), [&](Test& test) { return test(labels); });
  });
  if (breaks.error()) return *breaks.error();
  return std::move(*ids);
}

bool StillHolds(const SeriesTable& table, const Symbols& symbols, std::span<const Matcher> matchers,
                std::uint64_t epoch, bool empty) {
  if (table.epoch() == epoch) return true;
  for (const Matcher& matcher : matchers) {
    if (matcher.type() != MatchType::kEqual || matcher.value().empty()) continue;
    const std::optional<Symbol> name = symbols.Find(matcher.name());
    const std::optional<Symbol> value = symbols.Find(matcher.value());
    const std::uint64_t changed =
        name && value ? table.index().ChangedAt({*name, *value}) : std::uint64_t{0};
    // Of a label that nobody has any more, it isn't known when it went.
    if (changed == 0 ? empty : changed <= epoch) return true;
  }
  return false;
}

}  // namespace tierwatch::series
