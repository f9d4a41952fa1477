// The index beside a search through all labels, and what ends a search.
#include "alerts/series/find.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>

namespace tierwatch::series {
namespace {

class Find : public ::testing::Test {
 protected:
  SeriesId Add(const Labels& labels) {
    const SeriesId id = table_.Add(Interned(symbols_, labels), Home());
    EXPECT_EQ(table_.Find(Interned(symbols_, labels)), id);
    labels_[id] = labels;
    return id;
  }
  void Remove(const std::vector<SeriesId>& ids) {
    table_.Change();
    table_.Remove(ids);
    for (const SeriesId id : ids) labels_.erase(id);
  }
  std::vector<SeriesId> Expected(const std::vector<Matcher>& matchers) const {
    std::vector<SeriesId> ids;
    for (const auto& [id, labels] : labels_) {
      const bool all = std::ranges::all_of(
          matchers, [&, &l = labels](const Matcher& m) { return m.Matches(l.Get(m.name())); });
      if (all) ids.push_back(id);
    }
    return ids;
  }

  Symbols symbols_;
  SeriesTable table_;
  std::map<SeriesId, Labels> labels_;
};

constexpr const char* kPatterns[] = {"", "1", "2|3", "1.*", ".+", ".*", "[0-3]+", "nothing", "|2"};

TEST_F(Find, IsWhatASearchThroughAllLabelsFinds) {
  std::mt19937_64 random(1);
  const auto some = [&](std::size_t below) { return std::to_string(random() % below); };
  for (int round = 0; round < 40; ++round) {
    table_.Change();
    for (int i = 0; i < 60; ++i) {
      const Labels labels{
          {"a", some(3)}, {"b", some(30)}, {random() % 2 == 0 ? "c" : "d", some(500)}};
      if (table_.Find(Interned(symbols_, labels)) == kNoSeries) Add(labels);
    }
    table_.Sort();
    for (int question = 0; question < 50; ++question) {
      std::vector<Matcher> matchers;
      for (std::size_t i = 0; i <= random() % 3; ++i) {
        const std::string name(1, static_cast<char>('a' + random() % 5));
        matchers.push_back(Matcher::Make(static_cast<MatchType>(random() % 4), name,
                                         kPatterns[random() % std::size(kPatterns)])
                               .value());
      }
      const auto found = FindSeries(table_, symbols_, matchers, {});
      ASSERT_EQ(found.value(), Expected(matchers)) << matchers[0].ToString();
    }
    std::vector<SeriesId> gone;
    for (const auto& [id, labels] : labels_) {
      if (random() % 3 == 0) gone.push_back(id);
    }
    std::shuffle(gone.begin(), gone.end(), random);
    Remove(gone);
  }
  std::vector<SeriesId> rest;
  for (const auto& [id, labels] : labels_) rest.push_back(id);
  Remove(rest);
  EXPECT_EQ(table_.size(), 0u);
  EXPECT_TRUE(table_.index().Names().empty());
}

TEST_F(Find, EndsWhenInterrupted) {
  table_.Change();
  for (int i = 0; i < 10'000; ++i) Add(Labels{{"i", std::to_string(i)}});
  const std::vector<Matcher> matchers = {Matcher::Make(MatchType::kRegexp, "i", ".*7.*").value()};
  int asked = 0;
  const auto found = FindSeries(table_, symbols_, matchers, [&]() -> std::optional<Error> {
    return ++asked == 2 ? std::optional(Error{"enough"}) : std::nullopt;
  });
  ASSERT_FALSE(found.ok());
  EXPECT_EQ(found.error().message, "enough");
}

TEST_F(Find, KnowsWhatStillHolds) {
  table_.Change();
  const SeriesId a = Add(Labels{{"n", "x"}, {"t", "a"}});
  Add(Labels{{"n", "x"}, {"t", "b"}});
  const std::vector<Matcher> of_a = {Matcher::Equal("n", "x"), Matcher::Equal("t", "a")};
  const std::vector<Matcher> of_x = {Matcher::Equal("n", "x")};
  const std::vector<Matcher> no_b = {Matcher::Make(MatchType::kNotEqual, "t", "b").value()};
  const std::uint64_t epoch = table_.epoch();
  const auto holds = [&](const std::vector<Matcher>& matchers, bool empty = false) {
    return StillHolds(table_, symbols_, matchers, epoch, empty);
  };
  EXPECT_TRUE(holds(of_a) && holds(of_x) && holds(no_b));
  table_.Change();
  Add(Labels{{"n", "x"}, {"t", "c"}});
  EXPECT_TRUE(holds(of_a));
  EXPECT_FALSE(holds(of_x));
  EXPECT_FALSE(holds(no_b));
  table_.Change();
  table_.SetHome(a, Home{0, 0});
  EXPECT_FALSE(holds(of_a));
  Remove({a});
  EXPECT_FALSE(holds(of_a));
  EXPECT_TRUE(holds(of_a, true));
}

TEST_F(Find, KeepsLabelsWhenTextsGetOtherNumbers) {
  table_.Change();
  for (int i = 0; i < 100; ++i) symbols_.Intern("garbage" + std::to_string(i));
  const SeriesId a = Add(Labels{{"n", "x"}, {"t", "a"}});
  const SeriesId b = Add(Labels{{"n", "x"}, {"t", "b"}});
  Symbols fresh;
  table_.Change();
  table_.Renumber([&](Symbol symbol) { return fresh.Intern(symbols_.Text(symbol)); });
  EXPECT_EQ(Spelled(fresh, table_.labels(b)), (Labels{{"n", "x"}, {"t", "b"}}));
  const std::vector<Matcher> of_x = {Matcher::Equal("n", "x")};
  EXPECT_EQ(FindSeries(table_, fresh, of_x, {}).value(), (std::vector<SeriesId>{a, b}));
}

}  // namespace
}  // namespace tierwatch::series
