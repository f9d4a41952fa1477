#include "collectors/json.h"

#include <gtest/gtest.h>

namespace tierwatch {
namespace {

Json Parsed(std::string_view text) {
  Result<Json> json = Json::Parse(text);
  EXPECT_TRUE(json.ok()) << text;
  return json.ok() ? std::move(json).value() : Json{};
}

TEST(Json, ReadsNumbersAlsoFromStringsAndNothingElse) {
  struct Case {
    const char* text;
    std::optional<double> number;
  };
  const Case cases[] = {{"0", 0.0},
                        {"-1.5e3", -1500.0},
                        {"\"42\"", 42.0},
                        {"\"0.25\"", 0.25},
                        {"18446744073709551615", 18446744073709551615.0},
                        {"null", {}},
                        {"true", {}},
                        {"\"\"", {}},
                        {"\" 1\"", {}},
                        {"\"1s\"", {}},
                        {"\"0x10\"", {}},
                        {"\"inf\"", {}},
                        {"\"nan\"", {}},
                        {"\"1e999\"", {}},
                        {"[1]", {}},
                        {"{\"a\":1}", {}}};
  for (const Case& c : cases) EXPECT_EQ(Parsed(c.text).Number(), c.number) << c.text;
}

TEST(Json, ReadsTimesAsTextAndAsMilliseconds) {
  // date -u -d 2025-11-07T20:00:00Z +%s
  EXPECT_EQ(Parsed("\"2025-11-07T20:00:00.250Z\"").Time(), 1'762'545'600'250);
  EXPECT_EQ(Parsed("1762545600250").Time(), 1'762'545'600'250);
  EXPECT_EQ(Parsed("\"1762545600250\"").Time(), 1'762'545'600'250);
  for (const char* bad : {"-1", "1e18", "\"soon\"", "null", "true"}) {
    EXPECT_EQ(Parsed(bad).Time(), std::nullopt) << bad;
  }
}

TEST(Json, TheLastOfEqualKeysCountsAndAnAbsentOneIsNull) {
  const Json json = Parsed(R"({"a": 1, "a": 2, "b": {"c": [true, "false"]}})");
  EXPECT_EQ(json["a"].Number(), 2.0);
  EXPECT_TRUE(json["x"]["y"]["z"].IsNull());
  EXPECT_EQ(json["b"]["c"].items()[0].Bool(), true);
  EXPECT_EQ(json["b"]["c"].items()[1].Bool(), false);
}

TEST(Json, RefusesWhatIsNoJsonWithItsPlaceAndWhatIsTooMuch) {
  struct Case {
    std::string text;
    Reason reason;
  };
  std::string many = "[0";
  for (int i = 0; i < 200'000; ++i) many += ",0";
  const Case cases[] = {{"", Reason::kParse},
                        {"{\"a\":", Reason::kParse},
                        {"{} {}", Reason::kParse},
                        {"<html>", Reason::kParse},
                        {std::string("\"a\0b\"", 5), Reason::kParse},
                        {"\"\xff\"", Reason::kParse},
                        {"1e999", Reason::kParse},
                        {std::string(65, '[') + std::string(65, ']'), Reason::kLimit},
                        {std::string(1'000'000, '['), Reason::kLimit},
                        {many + "]", Reason::kLimit}};
  for (const Case& c : cases) {
    const Result<Json> json = Json::Parse(c.text);
    ASSERT_FALSE(json.ok()) << c.text.substr(0, 40);
    EXPECT_EQ(json.error().reason, c.reason) << json.error().message;
  }
  EXPECT_EQ(Json::Parse("{\"a\": tru}").error().message, "not JSON at byte 10");
  EXPECT_TRUE(Json::Parse(std::string(64, '[') + std::string(64, ']')).ok());
}

TEST(Json, TextIsFitForALabel) {
  EXPECT_EQ(Parsed("\"\"").Text(), std::nullopt);
  EXPECT_EQ(Parsed("7").Text(), std::nullopt);
  EXPECT_EQ(Parsed("\"" + std::string(200, 'x') + "\"").Text(), std::string(128, 'x'));
  // 127 bytes and a character of three: cut before it.
  EXPECT_EQ(Parsed("\"" + std::string(127, 'x') + "\xe2\x82\xac\"").Text(), std::string(127, 'x'));
}

// The document and the answers of RFC 6901, section 5, with numbers for the list and the whole.
TEST(Json, PointersNameWhatTheRfcSays) {
  const Json json = Parsed(
      R"({"foo": [10, 11], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, "g|h": 4, "i\\j": 5, "k\"l": 6, " ": 7,
          "m~n": 8})");
  const std::pair<const char*, double> cases[] = {
      {"/foo/0", 10}, {"/foo/1", 11}, {"/", 0},     {"/a~1b", 1}, {"/c%d", 2}, {"/e^f", 3},
      {"/g|h", 4},    {"/i\\j", 5},   {"/k\"l", 6}, {"/ ", 7},    {"/m~0n", 8}};
  for (const auto& [pointer, number] : cases) {
    EXPECT_TRUE(Json::IsPointer(pointer)) << pointer;
    EXPECT_EQ(json.At(pointer).Number(), number) << pointer;
  }
  EXPECT_EQ(json.At("").members().size(), 10u);
  EXPECT_EQ(json.At("/foo").items().size(), 2u);
  for (const char* nothing : {"/foo/2", "/foo/00", "/foo/-", "/foo/-1", "/foo/1x", "/foo/0/a", "/x",
                              "/x/y/z", "/foo/", "/foo/99999999999999999999"}) {
    EXPECT_TRUE(json.At(nothing).IsNull()) << nothing;
  }
  for (const char* bad : {"foo", "/a~b", "/a~", "/~2"}) {
    EXPECT_FALSE(Json::IsPointer(bad)) << bad;
    EXPECT_TRUE(json.At(bad).IsNull()) << bad;
  }
}

}  // namespace
}  // namespace tierwatch
