// What requests say: times, durations, limits, label names. Expected values follow the parsers of
// prometheus/web/api/v1/api.go and model.UnescapeName of prometheus/common.
#include "exporter/api/parameters.h"

#include <gtest/gtest.h>

#include <limits>
#include <optional>

namespace tierwatch::api {
namespace {

template <class Value>
std::string TextOf(const Result<Value>& value) {
  return value.ok() ? "" : value.error().message;
}

TEST(ApiParameters, Times) {
  const struct {
    const char* text;
    std::optional<TimestampMs> time;
  } cases[] = {
      {"0", 0},
      {"4", 4'000},
      {"1435781451.781", 1'435'781'451'781},
      {"1.0004", 1'000},
      {"1.0006", 1'001},
      {"-1.5", -1'500},
      {"+1", 1'000},
      {"1e3", 1'000'000},
      {"2015-07-01T20:10:51.781Z", 1'435'781'451'781},
      {"2015-07-01T22:10:51+02:00", 1'435'781'451'000},
      {"1969-12-31T23:59:59.5Z", -500},
      {"-292273086-05-16T16:47:06Z", std::numeric_limits<TimestampMs>::min()},
      {"292277025-08-18T07:12:54.999999999Z", std::numeric_limits<TimestampMs>::max()},
      {"", std::nullopt},
      {"soon", std::nullopt},
      {"1s", std::nullopt},
      {" 1", std::nullopt},
      {"1 ", std::nullopt},
      {"+-1", std::nullopt},
      {"2015-07-01", std::nullopt},
      {"2015-07-01T20:10:51", std::nullopt},
      {"2015-13-01T20:10:51Z", std::nullopt},
      // Go takes these as years beyond all numbers of milliseconds.
      {"NaN", std::nullopt},
      {"Inf", std::nullopt},
      {"1e300", std::nullopt},
  };
  for (const auto& [text, time] : cases) {
    const Result<TimestampMs> parsed = ParseTime(text);
    EXPECT_EQ(parsed.ok() ? std::optional(*parsed) : std::nullopt, time) << text;
  }
  EXPECT_EQ(TextOf(ParseTime("so\"on")), R"(cannot parse "so\"on" to a valid timestamp)");
}

TEST(ApiParameters, Spans) {
  const struct {
    const char* text;
    std::optional<std::int64_t> milliseconds;
  } cases[] = {
      {"15", 15'000},         {"0.5", 500},
      {"-1", -1'000},         {"1e3", 1'000'000},
      {"1.0009", 1'000},      {"15s", 15'000},
      {"1m30s", 90'000},      {"1d", 86'400'000},
      {"250ms", 250},         {"0", 0},
      {"", std::nullopt},     {"s", std::nullopt},
      {"1h1h", std::nullopt}, {"1.5m", std::nullopt},
      {"-1m", std::nullopt},  {"NaN", std::nullopt},
      {"Inf", std::nullopt},  {"1e10", std::nullopt},
  };
  for (const auto& [text, milliseconds] : cases) {
    const Result<Millis> parsed = ParseSpan(text);
    EXPECT_EQ(parsed.ok() ? std::optional(parsed->count()) : std::nullopt, milliseconds) << text;
  }
  EXPECT_EQ(TextOf(ParseSpan("x")), R"(cannot parse "x" to a valid duration)");
  EXPECT_EQ(TextOf(ParseSpan("1e10")),
            R"(cannot parse "1e10" to a valid duration. It overflows int64)");
}

TEST(ApiParameters, Limits) {
  for (const auto& [text, limit] :
       {std::pair{"0", 0u}, {"1", 1u}, {"+5", 5u}, {"007", 7u}, {"1000000", 1'000'000u}}) {
    const Result<std::size_t> parsed = ParseLimit(text);
    ASSERT_TRUE(parsed.ok()) << text;
    EXPECT_EQ(*parsed, limit) << text;
  }
  for (const auto& [text, error] : {
           std::pair{"-1", "limit must be non-negative"},
           {"x", R"(strconv.Atoi: parsing "x": invalid syntax)"},
           {"1.5", R"(strconv.Atoi: parsing "1.5": invalid syntax)"},
           {"+-1", R"(strconv.Atoi: parsing "+-1": invalid syntax)"},
           {"", R"(strconv.Atoi: parsing "": invalid syntax)"},
           {"9223372036854775808",
            R"(strconv.Atoi: parsing "9223372036854775808": value out of range)"},
       }) {
    EXPECT_EQ(TextOf(ParseLimit(text)), error);
  }
}

TEST(ApiParameters, LabelNamesOfPaths) {
  const std::pair<const char*, const char*> cases[] = {
      {"tier", "tier"},
      {"__name__", "__name__"},
      {"http.status", "http.status"},
      {"U__http_2e_status", "http.status"},
      {"U__http_2E_status", "http.status"},
      {"U__a__b", "a_b"},
      {"U___41_", "A"},
      {"U__z_e4_", "zä"},
      {"U___20ac_", "€"},
      {"U___1f525__1f525_", "🔥🔥"},
      // No escapes, so names as they are.
      {"U_2e_", "U_2e_"},
      {"U__a_", "U__a_"},
      {"U__a_2e", "U__a_2e"},
      {"U__a_xy_", "U__a_xy_"},
      {"U__a_d800_", "U__a_d800_"},
      {"U__a_110000_", "U__a_110000_"},
      {"U__a_0000041_", "U__a_0000041_"},
      {"U__", ""},
  };
  for (const auto& [escaped, name] : cases) EXPECT_EQ(UnescapeLabelName(escaped), name) << escaped;
}

TEST(ApiParameters, MatchersChooseSomething) {
  const auto read = [](const std::string& query) {
    ServerRequest request;
    request.query = query;
    return ReadMatchers(request);
  };
  for (const auto& [query, sets] : {std::pair{"", 0u},
                                    {"match[]=up", 1u},
                                    {"match%5B%5D=up&match[]=%7Btier%3D%22L1%22%7D", 2u},
                                    {"match[]={tier=~\".%2B\"}", 1u},
                                    {"match[]={\"a.b\"}", 1u},
                                    {"match=up", 0u}}) {
    const auto found = read(query);
    ASSERT_TRUE(found.ok()) << query << ": " << found.error().message;
    EXPECT_EQ(found->size(), sets) << query;
  }
  for (const char* query : {"match[]={}", "match[]={tier=\"\"}", "match[]={tier=~\".*\"}",
                            "match[]={tier!=\"L1\"}", "match[]=up&match[]={}"}) {
    EXPECT_EQ(TextOf(read(query)), "match[] must contain at least one non-empty matcher") << query;
  }
  for (const char* query : {"match[]=", "match[]=up[5m]", "match[]=1", "match[]={tier=~\"(\"}"}) {
    EXPECT_FALSE(read(query).ok()) << query;
  }
}

}  // namespace
}  // namespace tierwatch::api
