#include <gtest/gtest.h>

#include <string>

#include "alerts/promql/ast.h"
#include "alerts/promql/promql.h"

namespace tierwatch::promql {
namespace {

struct Canonical {
  const char* text;
  const char* printed;
};

class Prints : public testing::TestWithParam<Canonical> {};

TEST_P(Prints, CanonicallyAndBack) {
  const Result<ExprPtr> expr = Parse(GetParam().text);
  ASSERT_TRUE(expr.ok()) << expr.error().message;
  EXPECT_EQ(Print(**expr), GetParam().printed);
  const Result<ExprPtr> again = Parse(GetParam().printed);
  ASSERT_TRUE(again.ok()) << again.error().message;
  EXPECT_EQ(Print(**again), GetParam().printed);
}

// Precedence shows where parentheses are written, which are kept; operators alone print as they
// stand.
constexpr Canonical kCanonical[] = {
    {"1", "1"},
    {"-1", "-1"},
    {"1e3", "1000"},
    {"0x1F", "31"},
    {"5m", "5m"},
    {"+Inf", "+Inf"},
    {"-foo", "-foo"},
    {"-1^2", "-1 ^ 2"},
    {"a+b*c", "a + b * c"},
    {"(a + b) * c", "(a + b) * c"},
    {"a == bool b", "a == bool b"},
    {"sum(a)by(x,y)", "sum by (x, y) (a)"},
    {"sum without(x) (a)", "sum without (x) (a)"},
    {"topk(5, a)", "topk(5, a)"},
    {"a{y='1',x=\"2\"}", "a{x=\"2\",y=\"1\"}"},
    {"{\"a.b\", \"c d\"='1'}", "{\"c d\"=\"1\",__name__=\"a.b\"}"},
    {"a[90s] offset -1h", "a[1m30s] offset -1h"},
    {"a @ 1.5", "a @ 1.500"},
    {"a @ end() offset 5m", "a @ end() offset 5m"},
    {"rate(a[5m])[1h:] @ start()", "rate(a[5m])[1h:] @ start()"},
    {"a * on(x) group_left(y) b", "a * on (x) group_left (y) b"},
    {"a + ignoring(x) b", "a + ignoring (x) b"},
    {"a + fill_left(0) fill_right(1) b", "a + fill_left (0) fill_right (1) b"},
    {"a + fill(0) b", "a + fill (0) b"},
    {"a offset (step()*2)", "a offset (step() * 2)"},
    {"rate(a[max_of(step(),5m)] anchored)", "rate(a[max_of(step(), 5m)] anchored)"},
    {"a </ 5 >/ 2", "a </ 5 >/ 2"},
    {"a and b or c unless d", "a and b or c unless d"},
    {"\"x\\ny\"", "\"x\\ny\""},
};

INSTANTIATE_TEST_SUITE_P(Parser, Prints, testing::ValuesIn(kCanonical));

struct Refused {
  const char* text;
  const char* error;
};

class Refuses : public testing::TestWithParam<Refused> {};

TEST_P(Refuses, WithThePlaceAndTheReason) {
  const Result<ExprPtr> expr = Parse(GetParam().text);
  ASSERT_FALSE(expr.ok());
  EXPECT_EQ(expr.error().message, GetParam().error);
}

// Messages as in Prometheus's parser tests (promql/parser/parse_test.go).
constexpr Refused kRefused[] = {
    {"", "1:1: parse error: no expression found in input"},
    {"1+", "1:3: parse error: unexpected end of input"},
    {".", "1:1: parse error: unexpected character: '.'"},
    {"2.5.", "1:1: parse error: bad number or duration syntax: \"2.5.\""},
    {"(1", "1:3: parse error: unclosed left parenthesis"},
    {"1 == 1", "1:3: parse error: comparisons between scalars must use BOOL modifier"},
    {"1 and 1", "1:1: parse error: set operator \"and\" not allowed in binary scalar expression"},
    {"foo + bool bar", "1:5: parse error: bool modifier can only be used on comparison operators"},
    {"foo{", "1:5: parse error: unexpected end of input inside braces"},
    {"foo{a>\"b\"}", "1:6: parse error: unexpected character inside braces: '>'"},
    {"{}", "1:1: parse error: vector selector must contain at least one non-empty matcher"},
    {"foo{__name__=\"bar\"}",
     "1:1: parse error: metric name must not be set twice: \"foo\" or \"bar\""},
    {"foo[5m30]", "1:5: parse error: bad number or duration syntax: \"5m30\""},
    {"foo[-1m]", "1:5: parse error: duration must be greater than 0"},
    {"rate(foo)",
     "1:6: parse error: expected type range vector in call to function \"rate\", got instant "
     "vector"},
    {"floor()", "1:1: parse error: expected 1 argument(s) in call to \"floor\", got 0"},
    {"unknown(1)", "1:1: parse error: unknown function with name \"unknown\""},
    {"sum(some_metric) by test",
     "1:21: parse error: unexpected identifier \"test\" in grouping opts, expected \"(\""},
    {"topk(some_metric)",
     "1:1: parse error: wrong number of arguments for aggregate expression provided, expected 2, "
     "got 1"},
    {"foo\n  + bool\n  1",
     "2:3: parse error: bool modifier can only be used on comparison operators"},
};

INSTANTIATE_TEST_SUITE_P(Parser, Refuses, testing::ValuesIn(kRefused));

TEST(Parser, LimitsDepthInsteadOfTheStack) {
  EXPECT_FALSE(Parse(std::string(100'000, '(')).ok());
  EXPECT_FALSE(Parse(std::string(100'000, '-') + "1").ok());
  std::string chain = "1";
  for (int i = 0; i < 100'000; ++i) chain += "+1";
  EXPECT_FALSE(Parse(chain).ok());
  EXPECT_FALSE(Parse("a[" + std::string(100'000, '(')).ok());
  EXPECT_TRUE(Parse("1" + std::string(300, ' ') + "+ 1").ok());
}

}  // namespace
}  // namespace tierwatch::promql
