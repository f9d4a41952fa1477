#include "base/labels.h"

#include <gtest/gtest.h>

namespace tierwatch {
namespace {

TEST(Labels, SortsDropsEmptyValuesAndKeepsTheLastOfEqualNames) {
  const Labels labels{{"b", "1"}, {"a", "x"}, {"c", ""}, {"b", "2"}};
  EXPECT_EQ(labels.ToString(), R"({a="x", b="2"})");
  EXPECT_EQ(labels.Get("c"), "");
}

TEST(Labels, SetReplacesAndRemoves) {
  Labels labels{{"__name__", "up"}};
  labels.Set("job", "x");
  labels.Set("job", "y");
  EXPECT_EQ(labels.ToString(), R"(up{job="y"})");
  labels.Set("job", "");
  EXPECT_EQ(labels.ToString(), "up");
  EXPECT_EQ(labels, (Labels{{"__name__", "up"}}));
}

// FNV-1a over name 0xff value 0xff; the empty set is the offset basis (prometheus/common
// model/signature.go).
TEST(Labels, FingerprintIsPrometheuss) {
  EXPECT_EQ(Labels{}.Fingerprint(), 14695981039346656037ULL);
  EXPECT_NE((Labels{{"a", "bc"}}).Fingerprint(), (Labels{{"ab", "c"}}).Fingerprint());
}

TEST(Labels, PrintsUtf8NamesInQuotes) {
  EXPECT_EQ((Labels{{"__name__", "my.metric"}, {"a.b", "x"}}).ToString(),
            R"({"my.metric", "a.b"="x"})");
  EXPECT_EQ((Labels{{"a", "q\"\\\n\x01"}}).ToString(), R"({a="q\"\\\n\x01"})");
}

TEST(Utf8, JudgesByRfc3629) {
  EXPECT_TRUE(IsUtf8("h\xc3\xa9llo \xf0\x9f\x98\x80"));
  for (const char* bad : {"\xff", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82"}) {
    EXPECT_FALSE(IsUtf8(bad));
    EXPECT_TRUE(IsUtf8(ToUtf8(bad)));
  }
}

}  // namespace
}  // namespace tierwatch
