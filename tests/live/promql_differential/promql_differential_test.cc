// Random PromQL to Debian's Prometheus and to tierwatch, over the same samples: what differs must
// be a documented change between the two versions.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>

#include "tests/live/promql_differential/documented_changes.h"
#include "tests/live/promql_differential/engines.h"
#include "tests/support/promql/samples.h"

namespace tierwatch {
namespace {

constexpr int kRounds = 120;
constexpr PromqlVersion kTheirVersion = 242;
constexpr int kMostQuestionsToShrink = 300;

// Another seed, or more of them: TIERWATCH_PROMQL_SEED=2000 TIERWATCH_PROMQL_EXPRESSIONS=10000.
int FromEnvironment(const char* name, int otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::atoi(text);
}

// Half of the questions are instant queries. Most are asked when no sample is on the edge of a
// window: see samples.h.
Question AskAtRandom(const Derivation& expression, Choices& choices) {
  const TimestampMs behind = choices.Below(10) == 0 ? 3'000 : 7'000;
  Question question{expression.Text()};
  question.start =
      kSamplesStart + behind + kSamplesInterval.count() * (20 + choices.Below(kRounds - 10));
  question.end = question.start;
  if (choices.Below(2) == 0) return question;
  question.step = kSamplesInterval * (1 + choices.Below(5));
  question.end += question.step.count() * choices.Below(20);
  return question;
}

const DocumentedChange* Explanation(Engines& engines, const Finding& finding) {
  const Finding innermost = Innermost(engines, finding);
  for (const DocumentedChange& change : DocumentedChanges())
    if (change.explains(engines, innermost)) return &change;
  return nullptr;
}

// The shortest expression found by replacing one part after the other for which the two still
// differ without an explanation.
Finding Shrunk(Engines& engines, const Grammar& grammar, Finding finding) {
  int questions = 0;
  for (bool shorter = true; shorter;) {
    shorter = false;
    for (const Derivation& simpler : grammar.Simpler(finding.part)) {
      Question question = finding.question;
      question.text = simpler.Text();
      if (question.text.size() >= finding.question.text.size()) continue;
      if (++questions > kMostQuestionsToShrink) return finding;
      std::optional<Finding> smaller = Compare(engines, simpler, question);
      if (!smaller || Explanation(engines, *smaller) != nullptr) continue;
      finding = *std::move(smaller);
      shorter = true;
      break;
    }
  }
  return finding;
}

// Of equal elements Prometheus chooses now these, now those, in the order of a map; explanations
// that ask it once more would come about by chance then.
bool AnswersOtherwiseWhenAskedAgain(Engines& engines, const Finding& finding) {
  for (int i = 0; i < 10; ++i)
    if (!Difference(engines.Theirs(finding.question), finding.theirs, 0).empty()) return true;
  return false;
}

TEST(PromqlDifferentialTest, PrometheusAnswersAlike) {
  if (!PrometheusServer::Exists()) GTEST_SKIP() << "no prometheus here";
  Engines engines(kRounds);
  const Grammar grammar(kTheirVersion);
  const int first = FromEnvironment("TIERWATCH_PROMQL_SEED", 0);
  const int count = FromEnvironment("TIERWATCH_PROMQL_EXPRESSIONS", 2'000);
  std::map<std::string_view, int> explained;
  int answers = 0, refusals = 0;
  for (int seed = first; seed < first + count; ++seed) {
    SeededChoices choices(static_cast<std::uint64_t>(seed));
    const int depth = 5 + static_cast<int>(choices.Below(8));
    const Derivation expression = grammar.Derive("query", choices, depth);
    const Question question = AskAtRandom(expression, choices);
    const Answer theirs = engines.Theirs(question);
    answers += theirs.series.empty() ? 0 : 1;
    refusals += theirs.error.empty() ? 0 : 1;
    const std::optional<Finding> finding = Compare(engines, expression, question);
    if (!finding) continue;
    if (AnswersOtherwiseWhenAskedAgain(engines, *finding)) {
      ++explained["Prometheus gives another answer when it is asked again"];
      continue;
    }
    if (const DocumentedChange* change = Explanation(engines, *finding)) {
      ++explained[change->what];
      continue;
    }
    const Finding shrunk = Shrunk(engines, grammar, *finding);
    ADD_FAILURE() << "seed " << seed << ": " << expression.Text() << "\nshrunk to "
                  << shrunk.ToString() << "\nwhere the innermost difference is "
                  << Innermost(engines, shrunk).ToString();
  }
  fmt::print("{} expressions: {} with a result, {} refused\n", count, answers, refusals);
  for (const auto& [what, times] : explained) fmt::print("{:5} differ: {}\n", times, what);
  EXPECT_GE(answers, count / 2) << "the grammar asks for what isn't there";
  EXPECT_GE(refusals, count / 20);
}

}  // namespace
}  // namespace tierwatch
