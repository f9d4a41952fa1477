// Layout and arithmetic of native histograms, by hand. Whole expressions are held to Prometheus's
// scripts elsewhere.
#include "alerts/series/float_histogram.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <string>

#include "alerts/series/float_histogram_quantile.h"
#include "alerts/series/float_histogram_text.h"
#include "alerts/series/histogram_sum.h"

namespace tierwatch::series {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kMax = std::numeric_limits<double>::max();

FloatHistogram Read(const std::string& inside) {
  auto parsed = ParseHistogramLiteral("{{" + inside + "}}");
  EXPECT_TRUE(parsed.ok()) << inside << ": " << (parsed.ok() ? "" : parsed.error().message);
  return parsed.ok() ? *parsed : FloatHistogram{};
}

std::string Write(const FloatHistogram& histogram) {
  const std::string text = PrintHistogramLiteral(histogram);
  return text.substr(2, text.size() - 4);
}

TEST(FloatHistogram, BoundsArePowersOfTheSchemasBase) {
  const struct {
    int schema;
    std::int64_t index;
    double bound;
  } cases[] = {
      {0, 0, 1},
      {0, 1, 2},
      {0, -1, 0.5},
      {-1, 1, 4},
      {-1, -1, 0.25},
      {-4, 1, 65536},
      {1, 1, std::sqrt(2.0)},
      {1, 2, 2},
      {2, 2, std::sqrt(2.0)},
      {8, 256, 2},
      {8, -256, 0.5},
      {3, 8, 2},
      // The last finite bucket ends at the largest double; the next one holds infinity.
      {0, 1024, kMax},
      {0, 1025, kInf},
      {-4, 64, kMax},
      {-4, 65, kInf},
      {8, 262144, kMax},
      {8, 262145, kInf},
      {0, std::numeric_limits<std::int32_t>::max(), kInf},
      {8, std::numeric_limits<std::int32_t>::min(), 0},
      {-4, std::numeric_limits<std::int32_t>::min(), 0},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(ExponentialBound(c.index, c.schema), c.bound) << c.schema << " " << c.index;
  }
}

TEST(FloatHistogram, CoarserBucketsHoldTheFinerOnes) {
  for (int from = kMinSchema + 1; from <= kMaxSchema; ++from) {
    for (std::int32_t index = -70; index <= 70; ++index) {
      const std::int32_t coarse = CoarserIndex(index, from, from - 1);
      EXPECT_LE(ExponentialBound(index, from), ExponentialBound(coarse, from - 1));
      EXPECT_GE(ExponentialBound(index - 1, from), ExponentialBound(coarse - 1, from - 1));
    }
  }
}

TEST(FloatHistogram, AddsWithLayoutsReconciled) {
  const struct {
    const char* a;
    const char* b;
    const char* sum;
    bool bounds_reconciled = false;
  } cases[] = {
      {"count:4 sum:4 buckets:[1 2 1]", "sum:2 count:1 buckets:[1] offset:1",
       "count:5 sum:6 buckets:[1 3 1]"},
      {"count:2 buckets:[1 1]", "count:2 buckets:[1 1] offset:5",
       "count:4 buckets:[1 1 0 0 0 1 1]"},
      {"count:4 sum:4 buckets:[1 2 1]", "count:4 sum:-4 n_buckets:[1 2 1]",
       "count:8 buckets:[1 2 1] n_buckets:[1 2 1]"},
      // The coarser schema: (1,2] and (2,4] make (1,4].
      {"schema:-1 sum:4 count:1 buckets:[1] offset:1", "sum:4 count:4 buckets:[2 2] offset:1",
       "schema:-1 count:5 sum:8 offset:1 buckets:[5]"},
      // A zero bucket of [-2,2] swallows (0.5,1] and (1,2].
      {"count:4 z_bucket:1 z_bucket_w:0.5 buckets:[1 2]",
       "count:3 z_bucket:2 z_bucket_w:2 offset:2 buckets:[1]",
       "count:7 z_bucket:6 z_bucket_w:2 offset:2 buckets:[1]"},
      // 1.5 would cut the populated (1,2], and then 2 nothing.
      {"count:3 offset:1 buckets:[3]", "count:1 z_bucket:1 z_bucket_w:1.5",
       "count:4 z_bucket:4 z_bucket_w:2"},
      // 3 would cut [-4,-2), and 4 then cuts nothing of (2,4], which is inside, too.
      {"count:7 n_offset:2 n_buckets:[2] offset:2 buckets:[5 1]", "count:1 z_bucket:1 z_bucket_w:3",
       "count:8 z_bucket:8 z_bucket_w:4 offset:3 buckets:[1]"},
      // An empty bucket may be cut: 0.75 stays.
      {"count:1 buckets:[0 1]", "count:1 z_bucket:1 z_bucket_w:0.75",
       "count:2 z_bucket:1 z_bucket_w:0.75 offset:1 buckets:[1]"},
      // What the wider zero bucket has counted is not counted again in the coarser bucket (0.5,1].
      {"count:1 z_bucket:1 z_bucket_w:0.75", "schema:1 count:2 offset:-1 buckets:[2]",
       "count:3 z_bucket:3 z_bucket_w:0.75"},
      {"schema:-53 sum:1 count:1 custom_values:[5 10] buckets:[1]",
       "schema:-53 sum:15 count:2 custom_values:[5 10] buckets:[0 2]",
       "schema:-53 count:3 sum:16 custom_values:[5 10] buckets:[1 2]"},
      {"schema:-53 sum:1 count:1 custom_values:[10] buckets:[1]",
       "schema:-53 sum:1 count:1 custom_values:[2 10] buckets:[1]",
       "schema:-53 count:2 sum:2 custom_values:[10] buckets:[2]", true},
      {"schema:-53 count:3 custom_values:[1 2] buckets:[1 1 1]",
       "schema:-53 count:2 custom_values:[3 4] buckets:[1 0 1]", "schema:-53 count:5 buckets:[5]",
       true},
  };
  for (const auto& c : cases) {
    for (const auto& [left, right] : {std::pair(c.a, c.b), std::pair(c.b, c.a)}) {
      FloatHistogram sum = Read(left);
      const CombineInfo info = sum.Add(Read(right));
      EXPECT_EQ(Write(sum), c.sum) << left << " + " << right;
      EXPECT_FALSE(info.incompatible);
      EXPECT_EQ(info.bounds_reconciled, c.bounds_reconciled) << left << " + " << right;
    }
  }
}

TEST(FloatHistogram, SubtractsWithLayoutsReconciled) {
  const struct {
    const char* a;
    const char* b;
    const char* difference;
  } cases[] = {
      {"count:5 sum:6 buckets:[1 3 1]", "count:4 sum:4 buckets:[1 2 1]",
       "count:1 sum:2 offset:1 buckets:[1]"},
      {"count:1 buckets:[1]", "count:2 offset:1 buckets:[2]", "count:-1 buckets:[1 -2]"},
      {"schema:-53 sum:555 count:450 custom_values:[1 2 3 4 5 6 7 8] "
       "buckets:[10 20 30 40 50 60 70 80 90]",
       "schema:-53 sum:55 count:15 custom_values:[2 4 6] buckets:[1 2 5 7]",
       "schema:-53 count:435 sum:500 custom_values:[2 4 6] buckets:[29 68 105 233]"},
      {"schema:-53 sum:5560 count:1000 custom_values:[3 5 7] buckets:[100 200 300 400]",
       "schema:-53 sum:55 count:45 custom_values:[1 2 3 4 5 6 7 8] buckets:[1 2 3 4 5 6 7 8 9]",
       "schema:-53 count:955 sum:5505 custom_values:[3 5 7] buckets:[94 191 287 383]"},
  };
  for (const auto& c : cases) {
    FloatHistogram difference = Read(c.a);
    difference.Sub(Read(c.b));
    EXPECT_EQ(Write(difference), c.difference);
  }
}

TEST(FloatHistogram, ExponentialAndCustomDoNotMix) {
  const FloatHistogram exponential = Read("count:1 sum:2 buckets:[1] counter_reset_hint:reset");
  const FloatHistogram custom = Read("schema:-53 count:1 custom_values:[5] buckets:[1]");
  FloatHistogram left = exponential;
  EXPECT_TRUE(left.Add(custom).incompatible);
  EXPECT_TRUE(left.Sub(custom).incompatible);
  EXPECT_EQ(Write(left), Write(exponential));
  HistogramMean mean(custom);
  EXPECT_TRUE(mean.Add(exponential).incompatible);
  EXPECT_EQ(Write(mean.Value()), Write(custom));
}

TEST(FloatHistogram, HintsCombine) {
  using enum ResetHint;
  const struct {
    ResetHint a, b, both;
    bool collision = false;
  } cases[] = {
      {kUnknown, kUnknown, kUnknown},    {kReset, kReset, kReset},
      {kNotReset, kNotReset, kNotReset}, {kGauge, kGauge, kGauge},
      {kGauge, kReset, kGauge},          {kGauge, kNotReset, kGauge},
      {kGauge, kUnknown, kGauge},        {kUnknown, kReset, kUnknown},
      {kUnknown, kNotReset, kUnknown},   {kReset, kNotReset, kUnknown, true},
  };
  for (const auto& c : cases) {
    for (const auto& [left, right] : {std::pair(c.a, c.b), std::pair(c.b, c.a)}) {
      FloatHistogram sum;
      FloatHistogram other;
      sum.reset_hint = left;
      other.reset_hint = right;
      EXPECT_EQ(sum.Add(other).hint_collision, c.collision);
      EXPECT_EQ(sum.reset_hint, c.both);
    }
  }
  HintCollision collision;
  for (const ResetHint hint : {kReset, kGauge, kUnknown}) collision.See(hint);
  EXPECT_FALSE(collision.found());
  collision.See(kNotReset);
  EXPECT_TRUE(collision.found());
}

TEST(FloatHistogram, NegativeFactorsMakeGauges) {
  FloatHistogram histogram = Read("count:3 sum:6 z_bucket:3 buckets:[3] n_buckets:[6]");
  histogram.Mul(2);
  EXPECT_EQ(Write(histogram), "count:6 sum:12 z_bucket:6 buckets:[6] n_buckets:[12]");
  histogram.Div(-3);
  EXPECT_EQ(Write(histogram),
            "count:-2 sum:-4 z_bucket:-2 counter_reset_hint:gauge buckets:[-2] n_buckets:[-4]");
  histogram.Div(0);
  EXPECT_EQ(Write(histogram), "count:-Inf sum:-Inf z_bucket:-Inf counter_reset_hint:gauge");
  EXPECT_TRUE(histogram.HasOverflow());
}

TEST(FloatHistogram, DetectsResets) {
  const struct {
    const char* before;
    const char* now;
    bool reset;
  } cases[] = {
      {"count:4 buckets:[1 2 1]", "count:5 buckets:[1 3 1]", false},
      {"count:4 buckets:[1 2 1]", "count:3 buckets:[1 2 1]", true},
      {"count:4 buckets:[1 2 1]", "count:5 buckets:[1 1 3]", true},
      {"count:4 buckets:[1 2 1]", "count:9 buckets:[1 2]", true},   // a populated bucket is gone
      {"count:4 buckets:[1 2 0]", "count:9 buckets:[1 2]", false},  // an empty one may go
      {"count:4 sum:9 buckets:[4]", "count:4 sum:1 buckets:[4]", false},  // sums may fall
      {"count:4 n_buckets:[1 3]", "count:5 n_buckets:[2 2]", true},
      {"count:4 z_bucket:4", "count:4 z_bucket:3 buckets:[1]", true},
      {"schema:1 count:2 buckets:[1 1]", "count:2 buckets:[1 1]", false},
      {"schema:1 count:4 offset:1 buckets:[2 2]", "count:4 offset:1 buckets:[3]", true},
      {"count:2 buckets:[2]", "schema:1 count:9 buckets:[9]", true},  // finer than before
      {"z_bucket_w:1", "z_bucket_w:0.5", true},                       // a narrower zero bucket
      {"count:2 offset:0 buckets:[2]", "count:2 z_bucket:2 z_bucket_w:1", false},
      {"count:2 offset:0 buckets:[2]", "count:2 z_bucket:1 z_bucket_w:1", true},
      {"count:2 offset:1 buckets:[2]", "count:2 z_bucket:2 z_bucket_w:1.5", true},  // cuts (1,2]
      {"count:9 buckets:[9]", "count:1 buckets:[1] counter_reset_hint:not_reset", false},
      {"count:1 buckets:[1]", "count:9 buckets:[9] counter_reset_hint:reset", true},
      {"count:1 buckets:[1]", "schema:-53 count:1 custom_values:[5] buckets:[1]", true},
      {"schema:-53 count:1 custom_values:[5] buckets:[1]", "count:1 buckets:[1]", true},
      {"schema:-53 count:1 custom_values:[5] buckets:[1]",
       "schema:-53 count:1 custom_values:[5 10] buckets:[1]", false},
      {"schema:-53 sum:55 count:15 custom_values:[2 4 6] buckets:[1 2 5 7]",
       "schema:-53 sum:56 count:15 custom_values:[2 3 4 6] buckets:[1 0 1 5 8]", true},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(Read(c.now).DetectReset(Read(c.before)), c.reset) << c.before << " to " << c.now;
  }
}

TEST(FloatHistogram, KnowsTheHintsOfStoredSamples) {
  using enum ResetHint;
  const struct {
    const char* previous;  // null: none
    const char* sample;
    ResetHint settled, stored;
  } cases[] = {
      {nullptr, "count:1 buckets:[1]", kUnknown, kUnknown},
      {"count:1 buckets:[1]", "count:2 buckets:[2]", kNotReset, kNotReset},
      {"count:2 buckets:[2]", "count:1 buckets:[1]", kReset, kUnknown},
      {"count:1 buckets:[1]", "count:2 buckets:[2] counter_reset_hint:gauge", kGauge, kGauge},
      {"count:1 buckets:[1] counter_reset_hint:gauge", "count:2 buckets:[2]", kNotReset, kUnknown},
      {"count:1 buckets:[1]", "count:2 buckets:[2] counter_reset_hint:reset", kReset, kUnknown},
      {"count:9 buckets:[9]", "count:2 buckets:[2] counter_reset_hint:not_reset", kNotReset,
       kUnknown},
      {"schema:1 count:1 buckets:[1]", "count:1 buckets:[1]", kNotReset, kUnknown},
  };
  for (const auto& c : cases) {
    const FloatHistogram previous = c.previous == nullptr ? FloatHistogram{} : Read(c.previous);
    const FloatHistogram* before = c.previous == nullptr ? nullptr : &previous;
    EXPECT_EQ(Read(c.sample).SettledHint(before), c.settled) << c.sample;
    EXPECT_EQ(Read(c.sample).StoredHint(before), c.stored) << c.sample;
  }
}

TEST(FloatHistogram, ReducesResolutionDownwardsOnly) {
  // Schema 1 halves each power of two: 1, 1.41, 2, 2.83, 4.
  FloatHistogram histogram = Read("schema:1 count:10 offset:1 buckets:[1 2 3 4] n_buckets:[5 6]");
  EXPECT_TRUE(histogram.ReduceResolution(0));
  EXPECT_EQ(Write(histogram), "count:10 offset:1 buckets:[3 7] n_buckets:[5 6]");
  EXPECT_FALSE(histogram.ReduceResolution(0));
  EXPECT_FALSE(histogram.ReduceResolution(3));
  EXPECT_FALSE(histogram.ReduceResolution(kCustomSchema));
  EXPECT_FALSE(Read("schema:-53 custom_values:[1]").ReduceResolution(-1));
}

TEST(FloatHistogram, EqualMeansTheSameBits) {
  const FloatHistogram histogram = Read("count:2 sum:NaN buckets:[1 1]");
  FloatHistogram other = histogram;
  other.reset_hint = ResetHint::kGauge;
  EXPECT_TRUE(histogram.Equals(other));
  other.sum = std::bit_cast<double>(std::uint64_t{0x7ff0000000000002});
  EXPECT_TRUE(other.IsStale());
  EXPECT_FALSE(histogram.IsStale());
  EXPECT_FALSE(histogram.Equals(other));
  EXPECT_FALSE(AlmostEqual(histogram, other, 1));
  const struct {
    const char* a;
    const char* b;
  } different[] = {{"sum:0", "sum:-0"},
                   {"buckets:[1]", "buckets:[1 0]"},
                   {"buckets:[1]", "offset:1 buckets:[1]"},
                   {"buckets:[1]", "n_buckets:[1]"},
                   {"schema:1", "schema:2"},
                   {"z_bucket_w:1", "z_bucket_w:2"},
                   {"schema:-53 custom_values:[1]", "schema:-53 custom_values:[2]"}};
  for (const auto& c : different) EXPECT_FALSE(Read(c.a).Equals(Read(c.b))) << c.a << " " << c.b;
}

TEST(FloatHistogram, WalksAllBucketsInOrder) {
  // The zero bucket reaches into (0.5,1] and its mirror image.
  const FloatHistogram histogram =
      Read("count:10 z_bucket:4 z_bucket_w:0.75 buckets:[1 2] n_buckets:[3]");
  const AllBuckets buckets(histogram);
  ASSERT_EQ(buckets.size(), 4U);
  const Bucket want[] = {{-1, -0.75, true, false, 3},
                         {-0.75, 0.75, true, true, 4},
                         {0.75, 1, false, true, 1},
                         {1, 2, false, true, 2}};
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    EXPECT_EQ(buckets[i].lower, want[i].lower) << i;
    EXPECT_EQ(buckets[i].upper, want[i].upper) << i;
    EXPECT_EQ(buckets[i].lower_inclusive, want[i].lower_inclusive) << i;
    EXPECT_EQ(buckets[i].upper_inclusive, want[i].upper_inclusive) << i;
    EXPECT_EQ(buckets[i].count, want[i].count) << i;
  }
}

TEST(FloatHistogram, InterpolatesCustomBucketsAsClassicOnes) {
  // Those of testhistogram in histograms.test, as load_with_nhcb makes them.
  const FloatHistogram positive =
      Read("schema:-53 count:12 custom_values:[0.1 0.2 1] buckets:[5 2 4 1]");
  const FloatHistogram negative =
      Read("schema:-53 count:3 custom_values:[-0.2 -0.1 0.3] buckets:[1 1 0 1]");
  const struct {
    double q, positive, negative;
  } quantiles[] = {{-0.1, -kInf, -kInf}, {0, 0, -0.2}, {0.2, 0.048, -0.2}, {0.5, 0.15, -0.15},
                   {0.8, 0.72, 0.3},     {1, 1, 0.3},  {1.01, kInf, kInf}};
  for (const auto& c : quantiles) {
    EXPECT_DOUBLE_EQ(HistogramQuantile(c.q, positive).value, c.positive) << c.q;
    EXPECT_DOUBLE_EQ(HistogramQuantile(c.q, negative).value, c.negative) << c.q;
  }
  const std::string above = "schema:-53 count:100 custom_values:[1 2 3] buckets:[1 2 3 94]";
  const std::string below = "schema:-53 count:100 custom_values:[-3 -2 -1] buckets:[10 2 3 85]";
  const std::string across = "schema:-53 count:17 custom_values:[-10 5] buckets:[2 1 14]";
  const struct {
    double lower, upper;
    std::string histogram;
    double fraction;
  } fractions[] = {
      {0, 1.5, above, 0.02}, {4, 5, above, 0},
      {2, 5, above, 0.03},   {-kInf, kInf, above, 1},
      {-4, -2, below, 0.02}, {-kInf, -1.5, below, 0.135},
      {0, 1, below, 0},      {-kInf, 2, across, 2.8 / 17},
      {2, 2, above, 0},
  };
  for (const auto& c : fractions) {
    EXPECT_DOUBLE_EQ(HistogramFraction(c.lower, c.upper, Read(c.histogram)).value, c.fraction)
        << c.lower << " " << c.upper << " " << c.histogram;
  }
}

TEST(FloatHistogram, TellsOfNanObservations) {
  const FloatHistogram all_nan = Read("count:3 sum:NaN");
  const FloatHistogram some_nan = Read("count:15 sum:NaN buckets:[12]");
  const FloatHistogram infinities = Read("count:12 sum:NaN buckets:[12]");
  EXPECT_EQ(HistogramQuantile(0.4, all_nan).note, NanNote::kResultIsNan);
  EXPECT_TRUE(std::isnan(HistogramQuantile(0.81, some_nan).value));
  EXPECT_EQ(HistogramQuantile(0.81, some_nan).note, NanNote::kResultIsNan);
  EXPECT_DOUBLE_EQ(HistogramQuantile(0.8, some_nan).value, 1);
  EXPECT_DOUBLE_EQ(HistogramQuantile(0.4, some_nan).value, std::sqrt(0.5));
  EXPECT_EQ(HistogramQuantile(0.4, some_nan).note, NanNote::kSkewedHigher);
  EXPECT_EQ(HistogramQuantile(0.4, infinities).note, NanNote::kNone);
  EXPECT_EQ(HistogramQuantile(0.4, Read("count:12 sum:1 buckets:[12]")).note, NanNote::kNone);
  EXPECT_DOUBLE_EQ(HistogramFraction(-kInf, kInf, some_nan).value, 0.8);
  EXPECT_DOUBLE_EQ(HistogramFraction(-kInf, std::sqrt(0.5), some_nan).value, 0.4);
  EXPECT_DOUBLE_EQ(HistogramFraction(-kInf, kInf, all_nan).value, 0);
  EXPECT_TRUE(HistogramFraction(-kInf, kInf, all_nan).nan_observations);
  EXPECT_FALSE(HistogramFraction(-kInf, kInf, infinities).nan_observations);
}

TEST(HistogramSum, KeepsWhatRoundingTakes) {
  const FloatHistogram one = Read("count:1 sum:1 z_bucket:1 buckets:[1]");
  FloatHistogram huge = one;
  huge.Mul(1e100);
  FloatHistogram opposite = huge;
  opposite.Mul(-1);
  HistogramSum sum(one);
  for (const FloatHistogram& next : {huge, one, opposite}) sum.Add(next);
  EXPECT_EQ(Write(sum.Value()), "count:2 sum:2 z_bucket:2 counter_reset_hint:gauge buckets:[2]");
}

TEST(HistogramSum, KeepsItThroughChangesOfLayout) {
  // The lost ones are in (1,1.41] and (1.41,2], which then become one bucket, and that a zero
  // bucket.
  HistogramSum sum(Read("schema:1 count:2 offset:1 buckets:[1 1]"));
  sum.Add(Read("schema:1 count:2e100 offset:1 buckets:[1e100 1e100]"));
  sum.Add(Read("count:-2e100 offset:1 buckets:[-2e100]"));
  EXPECT_EQ(Write(sum.Value()), "count:2 offset:1 buckets:[2]");
  sum.Add(Read("count:1 z_bucket:1 z_bucket_w:2"));
  FloatHistogram value = sum.Value();
  EXPECT_EQ(value.zero_threshold, 2);
  EXPECT_EQ(value.count, 3);
}

TEST(HistogramMean, MovesWhereASumWouldOverflow) {
  HistogramMean mean(Read("count:1.5e308 sum:3 buckets:[1.5e308]"));
  mean.Add(Read("count:0.5e308 sum:5 buckets:[0.5e308]"));
  EXPECT_DOUBLE_EQ(mean.Value().count, 1e308);
  EXPECT_DOUBLE_EQ(mean.Value().sum, 4);
  mean.Add(Read("count:1e308 sum:7 buckets:[1e308]"));
  EXPECT_DOUBLE_EQ(mean.Value().count, 1e308);
  EXPECT_DOUBLE_EQ(mean.Value().sum, 5);
}

double Total(const FloatHistogram& histogram) {
  double total = histogram.zero_count;
  for (const double count : histogram.positive.count) total += count;
  for (const double count : histogram.negative.count) total += count;
  return total;
}

FloatHistogram Random(std::mt19937& random) {
  FloatHistogram histogram;
  const auto pick = [&random](int below) { return static_cast<int>(random() % below); };
  histogram.schema = pick(6) - 2;
  histogram.zero_threshold = pick(3) == 0 ? 0 : std::ldexp(1 + pick(7) / 8.0, pick(6) - 3);
  histogram.zero_count = pick(4);
  for (Buckets* side : {&histogram.positive, &histogram.negative}) {
    for (std::int32_t index = -20; index < 20; ++index) {
      // A valid histogram has no bucket that ends inside its own zero bucket.
      if (ExponentialBound(index - 1, histogram.schema) < histogram.zero_threshold) continue;
      if (pick(4) != 0) continue;
      side->index.push_back(index);
      side->count.push_back(pick(5));
    }
  }
  histogram.count = Total(histogram);
  return histogram;
}

TEST(FloatHistogram, NoObservationIsLostOrCountedTwice) {
  std::mt19937 random(1);
  for (int round = 0; round < 2000; ++round) {
    const FloatHistogram a = Random(random);
    const FloatHistogram b = Random(random);
    FloatHistogram sum = a;
    sum.Add(b);
    FloatHistogram other_way = b;
    other_way.Add(a);
    EXPECT_EQ(Total(sum), sum.count) << Write(a) << " + " << Write(b);
    sum.Compact();
    other_way.Compact();
    EXPECT_TRUE(sum.Equals(other_way)) << Write(sum) << " and " << Write(other_way);
    EXPECT_FALSE(sum.DetectReset(a)) << Write(a) << " to " << Write(sum);
    HistogramSum compensated(a);
    compensated.Add(b);
    FloatHistogram value = compensated.Value();
    value.Compact();
    EXPECT_TRUE(value.Equals(sum)) << Write(value) << " and " << Write(sum);
  }
}

}  // namespace
}  // namespace tierwatch::series
