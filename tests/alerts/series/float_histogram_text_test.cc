#include "alerts/series/float_histogram_text.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "alerts/series/classic_histogram.h"

namespace tierwatch::series {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

TEST(FloatHistogramText, LiteralsPrintCanonically) {
  const struct {
    const char* text;
    const char* printed;
  } cases[] = {
      {"{{}}", "{{}}"},
      {"{{  sum:5   count:4 }}", "{{count:4 sum:5}}"},
      {"{{schema:0 buckets:[ 1 2  1 ]}}", "{{buckets:[1 2 1]}}"},
      {"{{schema:-4 offset:-3 buckets:[0 1 0 2 0]}}", "{{schema:-4 offset:-2 buckets:[1 0 2]}}"},
      {"{{n_offset:2 n_buckets:[1.5]}}", "{{n_offset:2 n_buckets:[1.5]}}"},
      {"{{z_bucket:1 z_bucket_w:0.001}}", "{{z_bucket:1 z_bucket_w:0.001}}"},
      {"{{count:-1e-7 sum:+iNf}}", "{{count:-1e-07 sum:+Inf}}"},
      {"{{count:1000000 sum:999999}}", "{{count:1e+06 sum:999999}}"},
      {"{{count:0x10 sum:nan}}", "{{count:16 sum:NaN}}"},
      {"{{counter_reset_hint:unknown}}", "{{}}"},
      {"{{counter_reset_hint:not_reset}}", "{{counter_reset_hint:not_reset}}"},
      {"{{schema:-53 custom_values:[-2 3] buckets:[1 2 3]}}",
       "{{schema:-53 custom_values:[-2 3] buckets:[1 2 3]}}"},
      {"{{schema:-53 buckets:[100]}}", "{{schema:-53 buckets:[100]}}"},
  };
  for (const auto& c : cases) {
    const auto parsed = ParseHistogramLiteral(c.text);
    ASSERT_TRUE(parsed.ok()) << c.text << ": " << parsed.error().message;
    EXPECT_EQ(PrintHistogramLiteral(*parsed), c.printed) << c.text;
  }
}

TEST(FloatHistogramText, RefusesWhatIsNoHistogram) {
  for (const char* text : {"",
                           "{{",
                           "{{}",
                           "{{sum}}",
                           "{{sum:}}",
                           "{{sum:1 sum:2}}",
                           "{{sums:1}}",
                           "{{sum:1x}}",
                           "{{sum:--1}}",
                           "{{sum:+-1}}",
                           "{{sum:0x}}",
                           "{{sum:infinity}}",
                           "{{schema:9}}",
                           "{{schema:-5}}",
                           "{{schema:1.5}}",
                           "{{schema:99999999999}}",
                           "{{buckets:[]}}",
                           "{{buckets:[ ]}}",
                           "{{buckets:[1}}",
                           "{{buckets:[1]sum:1}}",
                           "{{buckets:1}}",
                           "{{offset:2000000000 buckets:[1]}}",
                           "{{offset:-2147483648 buckets:[1]}}",
                           "{{counter_reset_hint:never}}",
                           "{{z_bucket_w:-1}}",
                           "{{z_bucket_w:NaN}}",
                           "{{custom_values:[1]}}",
                           "{{schema:-53 custom_values:[2 1]}}",
                           "{{schema:-53 custom_values:[1 Inf]}}",
                           "{{schema:-53 custom_values:[1] buckets:[1 1 1]}}",
                           "{{schema:-53 custom_values:[1] offset:-1 buckets:[1]}}",
                           "{{schema:-53 z_bucket:1}}",
                           "{{schema:-53 custom_values:[1] n_buckets:[1]}}"}) {
    EXPECT_FALSE(ParseHistogramLiteral(text).ok()) << text;
  }
}

TEST(FloatHistogramText, ShowsPopulatedBucketsWithTheirBounds) {
  const struct {
    const char* literal;
    const char* shown;
  } cases[] = {
      {"{{}}", "{count:0, sum:0}"},
      {"{{sum:5 count:7 z_bucket:1 z_bucket_w:0.001 buckets:[1 0 2] n_buckets:[3 4]}}",
       "{count:7, sum:5, [-2,-1):4, [-1,-0.5):3, [-0.001,0.001]:1, (0.5,1]:1, (2,4]:2}"},
      {"{{schema:-53 sum:1e6 count:3 custom_values:[-2 3] buckets:[1 1 1]}}",
       "{count:3, sum:1e+06, [-Inf,-2]:1, (-2,3]:1, (3,+Inf]:1}"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(PrintHistogram(ParseHistogramLiteral(c.literal).value()), c.shown);
  }
}

TEST(ClassicHistogram, BecomesCustomBuckets) {
  const struct {
    std::vector<ClassicBucket> buckets;
    std::optional<double> count;
    const char* literal;
  } cases[] = {
      {{{0.1, 5}, {0.2, 7}, {1, 11}, {kInf, 12}},
       12,
       "{{schema:-53 count:12 sum:2 custom_values:[0.1 0.2 1] buckets:[5 2 4 1]}}"},
      {{{kInf, 3}, {0, 0}, {2, 1}, {2, 9}, {-1, 0}},  // any order; the first of two equal bounds
       std::nullopt,
       "{{schema:-53 count:3 sum:2 custom_values:[-1 0 2] offset:2 buckets:[1 2]}}"},
      {{{1, 4}}, 6, "{{schema:-53 count:6 sum:2 custom_values:[1] buckets:[4 2]}}"},
      {{{1, 4}}, std::nullopt, "{{schema:-53 count:4 sum:2 custom_values:[1] buckets:[4]}}"},
      {{}, 3, "{{schema:-53 count:3 sum:2 buckets:[3]}}"},
  };
  for (const auto& c : cases) {
    const auto histogram = FromClassicBuckets(c.buckets, c.count, 2);
    ASSERT_TRUE(histogram.ok()) << c.literal << ": " << histogram.error().message;
    EXPECT_EQ(PrintHistogramLiteral(*histogram), c.literal);
  }
}

TEST(ClassicHistogram, TakesTheFirstOfEqualBounds) {
  std::vector<ClassicBucket> buckets;
  for (int i = 0; i < 100; ++i) buckets.push_back({1, 7.0 + i});
  EXPECT_EQ(FromClassicBuckets(buckets, std::nullopt, 0)->count, 7);
}

TEST(ClassicHistogram, RefusesCountsThatCannotBe) {
  const double nan = std::nan("");
  const struct {
    std::vector<ClassicBucket> buckets;
    std::optional<double> count;
  } cases[] = {{{{1, 5}, {2, 4}}, {}},   {{{1, -1}}, {}}, {{{1, nan}}, {}}, {{{nan, 1}}, {}},
               {{{1, 5}, {kInf, 5}}, 6}, {{{1, 5}}, 4.0}, {{{1, 5}}, nan},  {{}, nan}};
  for (const auto& c : cases) EXPECT_FALSE(FromClassicBuckets(c.buckets, c.count, 0).ok());
}

}  // namespace
}  // namespace tierwatch::series
