#include "base/yaml.h"

#include <gtest/gtest.h>

namespace tierwatch {
namespace {

std::string Findings(const std::string& text) {
  Diagnostics diagnostics;
  EXPECT_FALSE(YamlNode::Parse(text, "f.yml", diagnostics).has_value());
  return diagnostics.ToString();
}

YamlNode Parse(const std::string& text) {
  Diagnostics diagnostics;
  auto node = YamlNode::Parse(text, "f.yml", diagnostics);
  EXPECT_TRUE(node.has_value()) << diagnostics.ToString();
  return node.value_or(YamlNode());
}

TEST(Yaml, KnowsWhereNodesStand) {
  const YamlNode root = Parse("a: 1\nlist:\n  - x: [p, \"q\"]\n");
  const YamlNode& x = *root.Find("list")->items()[0].Find("x");
  EXPECT_EQ(x.where().ToString(), "f.yml:3:8");
  EXPECT_EQ(x.items()[1].text(), "q");
  EXPECT_TRUE(x.items()[1].quoted());
  EXPECT_FALSE(x.items()[0].quoted());
  EXPECT_TRUE(Parse("").IsNull());
  EXPECT_TRUE(Parse("a: ~").Find("a")->IsNull());
  EXPECT_TRUE(Parse("a: \"null\"").Find("a")->IsScalar());
}

TEST(Yaml, ReportsDuplicateKeys) {
  EXPECT_EQ(Findings("a: 1\nb: 2\na: 3\n"), "f.yml:3:1: the key \"a\" stands here twice\n");
}

TEST(Yaml, ReportsBrokenSyntaxWithItsPlace) {
  EXPECT_EQ(Findings("a: [1, 2\nb: 3\n").substr(0, 8), "f.yml:2:");
  EXPECT_EQ(Findings("? [a]\n: b\n"), "f.yml:1:3: a key must be text\n");
}

TEST(Yaml, ResolvesAnchorsAndMergeKeys) {
  const YamlNode root = Parse("base: &b {x: 1, y: 2}\nown:\n  <<: *b\n  y: 3\n");
  EXPECT_EQ(root.Find("own")->Find("x")->text(), "1");
  EXPECT_EQ(root.Find("own")->Find("y")->text(), "3");
}

TEST(Yaml, AliasesCannotExplode) {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    const std::string last = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int j = 0; j < 9; ++j) bomb += (j == 0 ? "" : ", ") + last;
    bomb += "]\n";
  }
  EXPECT_NE(Findings(bomb).find("more than 1000000 nodes"), std::string::npos);
  EXPECT_NE(Findings(std::string(5000, '[')).find("f.yml:1:"), std::string::npos);
}

TEST(YamlMap, ReadsTypesAndReportsEveryFindingAtOnce) {
  Diagnostics diagnostics;
  const YamlNode root = Parse(
      "name: x\nport: 80\nratio: 0.5\non: true\nwait: 1m30s\nsize: 2KiB\n"
      "tags: [a, b]\nenv: {k: v}\nbad: yes\nintervall: 5s\nworse: [1]\nfar: 17\n");
  {
    YamlMap map(root, "entry", diagnostics);
    EXPECT_EQ(map.String("name"), "x");
    EXPECT_EQ(map.Int("port"), 80);
    EXPECT_EQ(map.Int("port", 80, 80), 80);
    EXPECT_EQ(map.Number("ratio"), 0.5);
    EXPECT_EQ(map.Bool("on"), true);
    EXPECT_EQ(map.Duration("wait"), Millis(90'000));
    EXPECT_EQ(map.Size("size"), 2048);
    EXPECT_EQ(map.Strings("tags").size(), 2u);
    EXPECT_EQ(map.StringMap("env")[0].second, "v");
    EXPECT_EQ(map.Bool("bad"), std::nullopt);
    EXPECT_EQ(map.Duration("interval"), std::nullopt);
    EXPECT_EQ(map.String("worse"), std::nullopt);
    EXPECT_EQ(map.Int("far", 1, 16), std::nullopt);
    EXPECT_EQ(map.Require("service"), nullptr);
  }
  EXPECT_EQ(diagnostics.ToString(),
            "f.yml:1:1: entry lacks the key \"service\"\n"
            "f.yml:9:6: \"bad\" must be true or false, not \"yes\"\n"
            "f.yml:10:1: unknown key \"intervall\" in entry; did you mean \"interval\"?\n"
            "f.yml:11:8: \"worse\" must be text, not a list\n"
            "f.yml:12:1: far: expected 1 to 16\n");
}

}  // namespace
}  // namespace tierwatch
