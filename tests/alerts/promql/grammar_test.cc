// The grammar of random expressions knows the whole language, and what it derives is meant to
// parse.
#include "tests/support/promql/grammar.h"

#include <gtest/gtest.h>

#include <set>

#include "alerts/promql/functions.h"
#include "alerts/promql/promql.h"

namespace tierwatch {
namespace {

TEST(PromqlGrammarTest, CallsEveryFunction) {
  std::string text;
  for (const Production& production : PromqlProductions())
    text += " " + std::string(production.text);
  for (const auto& family :
       {promql::MathFunctions(), promql::TimeFunctions(), promql::LabelFunctions(),
        promql::VectorFunctions(), promql::RateFunctions(), promql::OverTimeFunctions(),
        promql::HistogramFunctions()}) {
    for (const promql::Function& function : family)
      EXPECT_NE(text.find(" " + std::string(function.name) + "("), std::string::npos)
          << function.name;
  }
}

TEST(PromqlGrammarTest, DerivesNothingThatAVersionDoesNotKnow) {
  for (const PromqlVersion version : {242, 300, 314}) {
    const Grammar grammar(version);
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
      SeededChoices choices(seed);
      grammar.Derive("query", choices, 10).Visit([&](const Derivation& node) {
        EXPECT_LE(node.production->since, version);
        EXPECT_GE(node.production->until, version);
      });
    }
  }
}

TEST(PromqlGrammarTest, MostExpressionsParse) {
  const Grammar grammar(314);
  int parsed = 0;
  for (std::uint64_t seed = 0; seed < 1'000; ++seed) {
    SeededChoices choices(seed);
    parsed += promql::Parse(grammar.Derive("vector", choices, 8).Text()).ok() ? 1 : 0;
  }
  EXPECT_GT(parsed, 950);
}

TEST(PromqlGrammarTest, SimplerExpressionsAreOnePartAway) {
  const Grammar grammar(242);
  SeededChoices choices(3);
  const Derivation whole = grammar.Derive("query", choices, 8);
  std::set<std::string> texts;
  for (const Derivation& simpler : grammar.Simpler(whole)) texts.insert(simpler.Text());
  EXPECT_GT(texts.size(), 3u);
  std::size_t shortest = whole.Text().size();
  for (const std::string& text : texts) shortest = std::min(shortest, text.size());
  EXPECT_LT(shortest, whole.Text().size());
}

}  // namespace
}  // namespace tierwatch
