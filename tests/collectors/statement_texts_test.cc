// Which texts of statements are shown, and which are asked for.
#include "collectors/statement_texts.h"

#include <gtest/gtest.h>

namespace tierwatch {
namespace {

TEST(ShownText, IsWholeWhereConstantsAreReplaced) {
  for (const char* text :
       {"SELECT * FROM orgs WHERE id = $1 AND name = $12", "-- of the api\n/* route */ (select 1)",
        "with x as (SELECT $1) SELECT * FROM x", "INSERT INTO orgs VALUES ($1)",
        "VALUES ($1), ($2)"}) {
    EXPECT_EQ(ShownText(text), text);
  }
}

// PostgreSQL leaves the constants of what it doesn't plan as they were.
TEST(ShownText, IsTheFirstWordWhereTheyMayNotBe) {
  EXPECT_EQ(ShownText("ALTER ROLE app PASSWORD 'secret'"), "ALTER …");
  EXPECT_EQ(ShownText("/* select */ alter role app password 5"), "ALTER …");
  EXPECT_EQ(ShownText("SELECT 'secret' INTO copy"), "SELECT …");
  EXPECT_EQ(ShownText("SELECT $$secret$$"), "SELECT …");
  EXPECT_EQ(ShownText("SELECT $tag$secret$tag$"), "SELECT …");
  EXPECT_EQ(ShownText("SELECTED"), "SELECTED …");
  EXPECT_EQ(ShownText("COPY(SELECT 5) TO STDOUT"), "COPY …");
  EXPECT_EQ(ShownText("/* no end: SELECT 5"), " …");
  EXPECT_EQ(ShownText(""), " …");
  EXPECT_EQ(ShownText("<insufficient privilege>"), "<INSUFFICIENT …");
  EXPECT_EQ(ShownText(std::string(100, 'x')), std::string(32, 'X') + " …");
}

TEST(ShownText, IsBoundedAndWellFormed) {
  EXPECT_EQ(ShownText("SELECT " + std::string(5'000, 'x')).size(), kLongestStatementText);
  EXPECT_EQ(ShownText("SELECT \"\xff\"").find('\xff'), std::string::npos);
}

std::string Texts(const StatementTexts& texts) {
  std::string all;
  for (const StatementText& text : *texts.Known()) all += text.queryid + "=" + text.text + ";";
  return all;
}

TEST(StatementTexts, AreAskedForOnceAndForgottenWithTheName) {
  StatementTexts texts;
  EXPECT_TRUE(texts.missing().empty());
  texts.Keep({{{"orgs", "1"}, {}}, {{"orgs", "2"}, {}}});
  ASSERT_EQ(texts.missing().size(), 2u);
  // 2 was evicted meanwhile; 3 was not asked for.
  texts.Learn({{"database", "queryid", "text"}, {{"orgs", "1", "SELECT 1"}, {"orgs", "3", "X"}}});
  EXPECT_EQ(Texts(texts), "1=SELECT 1;");
  const auto before = texts.Known();
  texts.Keep({{{"orgs", "1"}, {}}, {{"orgs", "2"}, {}}});
  EXPECT_TRUE(texts.missing().empty());
  texts.Keep({{{"orgs", "2"}, {}}, {{"other", "1"}, {}}});
  EXPECT_EQ(Texts(texts), "");
  EXPECT_EQ(before->size(), 1u);  // who reads what was known is not disturbed
  ASSERT_EQ(texts.missing().size(), 1u);
  EXPECT_EQ(texts.missing().front().database, "other");
}

}  // namespace
}  // namespace tierwatch
