#include "exporter/api/series.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <limits>

#include "exporter/api/envelope.h"
#include "exporter/api/parameters.h"

namespace tierwatch::api {
namespace {

using series::Frame;
using series::LabelPair;
using series::Symbol;
using MatcherSets = std::vector<std::vector<series::Matcher>>;

constexpr Millis kLongest{120'000};

struct Choice {
  series::TimeRange range;
  MatcherSets sets;
  std::size_t limit = 0;

  bool Everything() const {
    const series::TimeRange all;
    return sets.empty() && range.from == all.from && range.to == all.to;
  }
};

// That match[] is wrong is told of the parameter where `names_match`: as in Prometheus, by series.
Result<Choice> ReadChoice(const ServerRequest& request, bool names_match = false) {
  const Result<std::size_t> limit = ReadLimit(request);
  if (!limit.ok()) return limit.error();
  const Result<series::TimeRange> range = ReadTimeRange(request);
  if (!range.ok()) return range.error();
  Result<MatcherSets> sets = ReadMatchers(request);
  if (!sets.ok() && names_match) return BadParameter("match[]", sets.error().message);
  if (!sets.ok()) return std::move(sets).error();
  return Choice{*range, *std::move(sets), *limit};
}

// Calls `take` with what each set of matchers finds; without sets, with all series.
Result<void> ForEachFrame(const SeriesSource& source, const Choice& choice,
                          const std::function<void(const Frame&)>& take) {
  const auto view = source.store.Open(After(source.clock, kLongest, source.stop));
  const std::vector<series::Matcher> none;
  const auto find = [&](const std::vector<series::Matcher>& matchers) -> Result<void> {
    const Result<series::SeriesListPtr> list = view->Find(matchers, &choice.range, nullptr);
    if (!list.ok()) return Error(list.error()).In("looking for series");
    take(*(*list)->frame);
    return {};
  };
  if (choice.sets.empty()) return find(none);
  for (const auto& matchers : choice.sets) {
    if (Result<void> found = find(matchers); !found.ok()) return found;
  }
  return {};
}

// A set of texts by their numbers, which are dense.
class TextSet {
 public:
  void Insert(Symbol symbol) {
    if (symbol >= seen_.size()) seen_.resize(symbol + 1);
    seen_[symbol] = true;
  }
  void Spell(const series::Symbols& symbols, std::vector<std::string>& texts) {
    for (Symbol symbol = 0; symbol < seen_.size(); ++symbol) {
      if (seen_[symbol]) texts.emplace_back(symbols.Text(symbol));
    }
    seen_.clear();
  }

 private:
  std::vector<bool> seen_;
};

// The texts that `pick` takes from the labels of the chosen series, sorted.
template <class Pick>
Result<std::vector<std::string>> Texts(const SeriesSource& source, const Choice& choice,
                                       const Pick& pick) {
  std::vector<std::string> texts;
  const Result<void> done = ForEachFrame(source, choice, [&](const Frame& frame) {
    TextSet set;
    for (std::size_t i = 0; i < frame.size(); ++i) {
      for (const LabelPair& label : frame[i]) pick(*frame.symbols(), label, set);
    }
    set.Spell(*frame.symbols(), texts);
  });
  if (!done.ok()) return done.error();
  std::sort(texts.begin(), texts.end());
  texts.erase(std::unique(texts.begin(), texts.end()), texts.end());
  return texts;
}

// Cuts the list to the limit and says so.
template <class Item>
Answer Cut(std::vector<Item>& list, std::size_t limit) {
  Answer answer;
  if (limit > 0 && list.size() > limit) {
    list.resize(limit);
    answer.warnings.emplace_back("results truncated due to limit");
  }
  return answer;
}

Answer ListOf(std::vector<std::string> texts, std::size_t limit) {
  Answer answer = Cut(texts, limit);
  answer.data.BeginArray();
  for (const std::string& text : texts) answer.data.String(text);
  answer.data.EndArray();
  return answer;
}

Result<Answer> AnswerLabels(const SeriesSource& source, const ServerRequest& request) {
  const Result<Choice> choice = ReadChoice(request);
  if (!choice.ok()) return choice.error();
  if (choice->Everything()) return ListOf(source.store.LabelNames(), choice->limit);
  Result<std::vector<std::string>> names = Texts(
      source, *choice,
      [](const series::Symbols&, const LabelPair& label, TextSet& set) { set.Insert(label.name); });
  if (!names.ok()) return names.error();
  return ListOf(*std::move(names), choice->limit);
}

Result<Answer> AnswerLabelValues(const SeriesSource& source, const ServerRequest& request) {
  const std::string name = UnescapeLabelName(request.path_parameter);
  if (name.empty() || !IsUtf8(name))
    return BadData(fmt::format("invalid label name: {}", Quote(name)));
  const Result<Choice> choice = ReadChoice(request);
  if (!choice.ok()) return choice.error();
  if (choice->Everything()) return ListOf(source.store.LabelValues(name), choice->limit);
  Result<std::vector<std::string>> values = Texts(
      source, *choice, [&](const series::Symbols& symbols, const LabelPair& label, TextSet& set) {
        if (symbols.Text(label.name) == name) set.Insert(label.value);
      });
  if (!values.ok()) return values.error();
  return ListOf(*std::move(values), choice->limit);
}

Result<Answer> AnswerSeries(const SeriesSource& source, const ServerRequest& request) {
  if (request.Parameters("match[]").empty()) return BadData("no match[] parameter provided");
  const Result<Choice> choice = ReadChoice(request, true);
  if (!choice.ok()) return choice.error();
  std::vector<Labels> all;
  const Result<void> done = ForEachFrame(source, *choice, [&](const Frame& frame) {
    for (std::size_t i = 0; i < frame.size(); ++i) all.push_back(frame.LabelsOf(i));
  });
  if (!done.ok()) return done.error();
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  Answer answer = Cut(all, choice->limit);
  answer.data.BeginArray();
  for (const Labels& labels : all) {
    if (answer.data.size() > kLongestAnswer) return TooLong();
    answer.data.LabelSet(labels);
  }
  answer.data.EndArray();
  return answer;
}

}  // namespace

std::vector<Endpoint> SeriesEndpoints(SeriesSource source) {
  const auto with = [&source](auto answer) -> Handler {
    return [source, answer](const ServerRequest& request) { return answer(source, request); };
  };
  return {OnGetAndPost("labels", with(AnswerLabels)),
          OnGet("label/{name}/values", with(AnswerLabelValues)),
          OnGetAndPost("series", with(AnswerSeries))};
}

}  // namespace tierwatch::api
