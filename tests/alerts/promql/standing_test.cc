// What standing questions keep, what they share, and when they begin anew.
#include "alerts/promql/standing.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

#include "alerts/series/store.h"

namespace tierwatch::promql {
namespace {

class StandingTest : public testing::Test {
 protected:
  StandingTest() : store_({{}, Millis(0)}) {}

  void Put(const std::string& source, const std::string& name, const std::string& instance,
           TimestampMs time, double value) {
    const series::Sample samples[] = {
        {Labels{{"__name__", name}, {"instance", instance}}, time, value}};
    store_.Append(source, samples);
  }
  static ExprPtr Expression(const std::string& text) { return Parse(text).value(); }
  static std::map<std::string, double> Texts(const Elements& elements) {
    std::map<std::string, double> texts;
    for (std::size_t i = 0; i < elements.values.size(); ++i) {
      if (elements.Has(i)) texts[elements.frame->LabelsOf(i).ToString()] = elements.values[i];
    }
    return texts;
  }
  using Expected = std::map<std::string, double>;

  series::Store store_;
  EngineOptions options_;
};

TEST_F(StandingTest, FramesStayWhileSeriesStay) {
  Standing standing(options_, store_, {});
  const std::size_t question = standing.Add(Expression("sum by (instance) (x) > 5"));
  Put("a", "x", "a", 1000, 10);
  Put("b", "x", "b", 1000, 1);
  standing.NewRound();
  const Elements first = standing.Ask(question, 2000).value();
  EXPECT_EQ(Texts(first), (Expected{{"{instance=\"a\"}", 10}}));
  EXPECT_EQ(first.frame->size(), 2u);  // also what the filter leaves out now

  // Other values, other elements, the same frame.
  Put("a", "x", "a", 3000, 2);
  Put("b", "x", "b", 3000, 7);
  standing.NewRound();
  const Elements second = standing.Ask(question, 4000).value();
  EXPECT_EQ(Texts(second), (Expected{{"{instance=\"b\"}", 7}}));
  EXPECT_EQ(second.frame, first.frame);

  // A series that the question isn't about changes nothing; one that it is about does.
  Put("c", "y", "c", 3000, 9);
  standing.NewRound();
  EXPECT_EQ(standing.Ask(question, 4000).value().frame, first.frame);
  Put("c", "x", "c", 3000, 9);
  standing.NewRound();
  const Elements third = standing.Ask(question, 4000).value();
  EXPECT_NE(third.frame, first.frame);
  EXPECT_EQ(Texts(third), (Expected{{"{instance=\"b\"}", 7}, {"{instance=\"c\"}", 9}}));
}

TEST_F(StandingTest, AnotherTargetLeavesAQuestionOfThisOneAlone) {
  Standing standing(options_, store_, {});
  const std::size_t question = standing.Add(Expression("x{instance=\"a\"} * 2"));
  Put("a", "x", "a", 1000, 10);
  standing.NewRound();
  const auto frame = standing.Ask(question, 2000).value().frame;
  Put("b", "x", "b", 1000, 1);
  standing.NewRound();
  EXPECT_EQ(standing.Ask(question, 2000).value().frame, frame);
}

TEST_F(StandingTest, CommonPartsAreThoseOfTheRoundsBegin) {
  Standing standing(options_, store_, {"recorded"});
  const std::size_t one = standing.Add(Expression("sum(x) + 1"));
  const std::size_t two = standing.Add(Expression("sum(x) + 2"));
  const std::size_t written_one = standing.Add(Expression("sum(recorded) + 1"));
  const std::size_t written_two = standing.Add(Expression("sum(recorded) + 2"));
  const std::size_t any = standing.Add(Expression("sum({__name__=~\"rec.*\"}) + 0"));
  Put("a", "x", "a", 1000, 10);
  Put("rule", "recorded", "a", 1000, 100);
  standing.NewRound();
  EXPECT_EQ(Texts(standing.Ask(one, 2000).value()), (Expected{{"{}", 11}}));
  EXPECT_EQ(Texts(standing.Ask(written_one, 2000).value()), (Expected{{"{}", 101}}));
  EXPECT_EQ(Texts(standing.Ask(any, 2000).value()), (Expected{{"{}", 100}}));
  Put("a", "x", "a", 1500, 20);
  Put("rule", "recorded", "a", 1500, 200);
  // sum(x) was worked out in this round; what rules of the group write is read anew.
  EXPECT_EQ(Texts(standing.Ask(two, 2000).value()), (Expected{{"{}", 12}}));
  EXPECT_EQ(Texts(standing.Ask(written_two, 2000).value()), (Expected{{"{}", 202}}));
  EXPECT_EQ(Texts(standing.Ask(any, 2000).value()), (Expected{{"{}", 200}}));
  standing.NewRound();
  EXPECT_EQ(Texts(standing.Ask(two, 2000).value()), (Expected{{"{}", 22}}));
}

TEST_F(StandingTest, TimesOfTheQueryAreThoseOfEachQuestion) {
  Standing standing(options_, store_, {});
  const std::size_t start = standing.Add(Expression("start()"));
  const std::size_t at = standing.Add(Expression("x @ end()"));
  Put("a", "x", "a", 1000, 1);
  Put("a", "x", "a", 5000, 5);
  for (const TimestampMs time : {2000, 6000}) {
    standing.NewRound();
    EXPECT_EQ(Texts(standing.Ask(start, time).value()),
              (Expected{{"{}", static_cast<double>(time) / 1000}}));
    EXPECT_EQ(Texts(standing.Ask(at, time).value()),
              (Expected{{"x{instance=\"a\"}", time == 2000 ? 1 : 5}}));
  }
}

TEST_F(StandingTest, AnErrorLeavesTheNextAnswerRight) {
  Standing standing(options_, store_, {});
  const std::size_t question = standing.Add(Expression("x / on(instance) y"));
  Put("a", "x", "a", 1000, 10);
  Put("a", "y", "a", 1000, 5);
  const series::Sample twin[] = {
      {Labels{{"__name__", "y"}, {"instance", "a"}, {"twin", "1"}}, 1000, 5}};
  store_.Append("twin", twin);
  standing.NewRound();
  EXPECT_FALSE(standing.Ask(question, 2000).ok());
  // The twin is out of sight, but still in the frame.
  Put("a", "x", "a", 400'000, 8);
  Put("a", "y", "a", 400'000, 2);
  standing.NewRound();
  EXPECT_EQ(Texts(standing.Ask(question, 400'000).value()), (Expected{{"{instance=\"a\"}", 4}}));
  const Result<Elements> text = standing.Ask(standing.Add(Expression("\"text\"")), 2000);
  ASSERT_FALSE(text.ok());
  EXPECT_EQ(text.error().message, "rule result is not a vector or scalar");
}

}  // namespace
}  // namespace tierwatch::promql
