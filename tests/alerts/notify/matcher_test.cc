#include "alerts/notify/matcher.h"

#include <gtest/gtest.h>

namespace tierwatch {
namespace {

std::string Parsed(std::string_view text) {
  const Result<std::vector<AlertMatcher>> matchers = ParseAlertMatchers(text);
  if (!matchers.ok()) return "error";
  std::string printed;
  for (const AlertMatcher& matcher : *matchers)
    printed += (printed.empty() ? "" : " ") + matcher.ToString();
  return printed;
}

// Expected values from the two grammars that Alertmanager documents, and checked with amtool where
// it has them.
TEST(AlertMatcherTest, Syntax) {
  struct Case {
    std::string_view text;
    std::string_view want;
  };
  const Case cases[] = {
      {"", ""},
      {"{}", ""},
      {R"(foo="bar")", R"(foo="bar")"},
      {R"({foo="bar"})", R"(foo="bar")"},
      {R"({ foo = "bar" , dings != "bums" , })", R"(foo="bar" dings!="bums")"},
      {"foo=bar,dings!=bums", R"(foo="bar" dings!="bums")"},
      {"foo=bar, dings=~bu.*, x!~y", R"(foo="bar" dings=~"bu.*" x!~"y")"},
      {"foo=", R"(foo="")"},
      {R"(foo="")", R"(foo="")"},
      {"foo=a b", R"(foo="a b")"},
      {R"(foo=~"a\d")", R"(foo=~"a\\d")"},
      {R"(foo="a\\b\n\"c\"")", R"(foo="a\\b\n\"c\"")"},
      {R"(quote="She said: \"Hi, ladies!\"")", R"(quote="She said: \"Hi, ladies!\"")"},
      {"foo==bar", R"(foo="=bar")"},
      {R"("foo bar"="baz")", R"("foo bar"="baz")"},
      {R"({"ü"=~"é.*",a=b})", R"(ü=~"é.*" a="b")"},
      {R"("a"="\u00e9")", R"(a="é")"},
      {"a:b=c", R"(a:b="c")"},
      {"foo", "error"},
      {"=bar", "error"},
      {R"(foo="bar)", "error"},
      {R"(foo=bar")", "error"},
      {R"(foo="a"b")", "error"},
      {R"("foo bar"=~"[")", "error"},
      {"foo=~(", "error"},
      {R"("foo"="bar)", "error"},
      {R"({"foo"="bar")", "error"},
      {R"("foo"="bar"})", "error"},
      {R"("foo"="bar" x)", "error"},
      {"foo=\xff", "error"},
      {R"(""="a")", "error"},
  };
  for (const Case& c : cases) EXPECT_EQ(Parsed(c.text), c.want) << c.text;
}

TEST(AlertMatcherTest, Matches) {
  const Labels labels{{"severity", "critical"}, {"service", "orgs-api"}};
  struct Case {
    std::string_view text;
    bool want;
  };
  const Case cases[] = {
      {"severity=critical", true}, {"severity!=critical", false},
      {"severity=~crit", false},   {"severity=~crit.*", true},
      {"severity!~crit", true},    {"absent=", true},
      {"absent!=", false},         {"absent=~.*", true},
      {"absent=~.+", false},       {"severity=~warning|critical", true},
      {"service!~orgs-.*", false},
  };
  for (const Case& c : cases) {
    const auto matchers = ParseAlertMatchers(c.text);
    ASSERT_TRUE(matchers.ok()) << c.text;
    EXPECT_EQ(matchers->front().Matches(labels), c.want) << c.text;
  }
}

TEST(AlertMatcherTest, ListIsOrderedAsInRouteKeys) {
  AlertMatchers matchers;
  const auto parsed = ParseAlertMatchers(R"(b=~"x",b="x",a!="z",b="a")");
  ASSERT_TRUE(parsed.ok());
  for (const AlertMatcher& matcher : *parsed) matchers.Add(matcher);
  EXPECT_EQ(matchers.ToString(), R"({a!="z",b="a",b="x",b=~"x"})");
}

}  // namespace
}  // namespace tierwatch
