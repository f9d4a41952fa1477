#include "alerts/series/codec.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <functional>
#include <limits>
#include <random>

#include "alerts/series/queryable.h"

namespace tierwatch::series {
namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes Packed(const std::vector<double>& values) {
  Bytes packed;
  Pack(values, packed);
  return packed;
}

// Unpacked from a copy that has the slack and nothing else behind it.
bool UnpackCopy(const Bytes& packed, std::vector<double>& values) {
  Bytes padded = packed;
  padded.resize(packed.size() + kBitSlack);
  return Unpack(std::span(padded).first(packed.size()), values);
}

void ExpectRoundTrip(const std::vector<double>& values, const char* what) {
  std::vector<double> back(values.size());
  ASSERT_TRUE(UnpackCopy(Packed(values), back)) << what;
  for (std::size_t i = 0; i < values.size(); ++i) {
    ASSERT_EQ(std::bit_cast<std::uint64_t>(back[i]), std::bit_cast<std::uint64_t>(values[i]))
        << what << " of " << values.size() << " at " << i;
  }
}

struct Kind {
  const char* name;
  double most_bytes;  // per value of a run of 128
  std::function<double(std::mt19937_64&, int i)> value;
};

double Any(std::mt19937_64& random, double low, double high) {
  return std::uniform_real_distribution<>(low, high)(random);
}

const double kInfinity = std::numeric_limits<double>::infinity();

const Kind kKinds[] = {
    {"one", 0.1, [](auto&, int) { return 1.0; }},
    {"constant fraction", 0.1, [](auto&, int) { return 1.0 / 3; }},
    {"steady counter", 0.1, [](auto&, int i) { return 1e9 + 150.0 * i; }},
    {"noisy counter", 1.0,
     [](auto& r, int i) { return 1e6 + 1500.0 * i + std::floor(Any(r, 0, 60)); }},
    {"rare events", 0.25, [](auto&, int i) { return std::floor(i / 20.0); }},
    {"hundredths", 1.1, [](auto& r, int) { return std::round(Any(r, 20, 22) * 100) / 100; }},
    {"fractions", 8.1, [](auto& r, int) { return Any(r, 0, 1); }},
    {"two fractions", 3.0, [](auto& r, int) { return Any(r, 0, 1) < 0.02 ? 0.1 : 1.0 / 3; }},
    {"any bits", 10.0, [](auto& r, int) { return std::bit_cast<double>(r()); }},
    {"huge integers", 8.5, [](auto& r, int) { return std::floor(Any(r, -1, 1) * 0x1p60); }},
    {"gaps", 1.2,
     [](auto& r, int i) { return r() % 3 == 0 ? std::bit_cast<double>(kGapBits) : i * 0.25; }},
    {"an end", 0.4,
     [](auto&, int i) {
       return std::bit_cast<double>(i < 50    ? std::bit_cast<std::uint64_t>(7.0 * i)
                                    : i == 50 ? kStaleBits
                                              : kGapBits);
     }},
    {"rarely infinite", 1.0, [](auto& r, int i) { return r() % 40 == 0 ? -kInfinity : i; }},
    {"zeros of both signs", 1.5, [](auto& r, int) { return r() % 2 == 0 ? 0.0 : -0.0; }},
    {"all gaps", 0, [](auto&, int) { return std::bit_cast<double>(kGapBits); }},
    {"smallest", 8.5, [](auto& r, int) { return std::bit_cast<double>(r() % 1000); }},
    {"a reset", 3, [](auto&, int i) { return i < 60 ? 1e6 + 15 * i : 15.0 * i; }},
};

TEST(Codec, GivesBackEveryBit) {
  std::mt19937_64 random(1);
  for (const Kind& kind : kKinds) {
    for (int size = 1; size <= 130; ++size) {
      std::vector<double> values;
      for (int i = 0; i < size; ++i) values.push_back(kind.value(random, i));
      ExpectRoundTrip(values, kind.name);
    }
  }
}

TEST(Codec, MixesKinds) {
  std::mt19937_64 random(2);
  for (int round = 0; round < 3000; ++round) {
    std::vector<double> values;
    const int size = 1 + static_cast<int>(random() % 300);
    const Kind* kind = &kKinds[random() % std::size(kKinds)];
    for (int i = 0; i < size; ++i) {
      if (random() % 20 == 0) kind = &kKinds[random() % std::size(kKinds)];
      values.push_back(kind->value(random, i));
    }
    ExpectRoundTrip(values, "mixed");
  }
}

TEST(Codec, IsSmall) {
  std::mt19937_64 random(3);
  for (const Kind& kind : kKinds) {
    std::vector<double> values;
    for (int i = 0; i < 128; ++i) values.push_back(kind.value(random, i));
    EXPECT_LE(static_cast<double>(Packed(values).size()), kind.most_bytes * 128) << kind.name;
  }
}

TEST(Codec, RefusesDamageWithinItsBounds) {
  std::mt19937_64 random(4);
  std::vector<double> values(128);
  for (int round = 0; round < 20000; ++round) {
    const Kind& kind = kKinds[random() % std::size(kKinds)];
    for (int i = 0; i < 128; ++i) values[i] = kind.value(random, i);
    Bytes packed = Packed(values);
    for (int flips = 0; flips < 3 && !packed.empty(); ++flips)
      packed[random() % packed.size()] = static_cast<std::uint8_t>(random());
    if (random() % 2 == 0) packed.resize(random() % (packed.size() + 1));
    std::vector<double> back(1 + random() % kMaxRun);
    (void)UnpackCopy(packed, back);  // whatever it is, the sanitizers see no access out of bounds
  }
  std::vector<double> back(128);
  for (int i = 0; i < 128; ++i) values[i] = 1000.0 * i + static_cast<double>(random() % 100);
  Bytes packed = Packed(values);
  packed.pop_back();
  EXPECT_FALSE(UnpackCopy(packed, back));
  EXPECT_FALSE(UnpackCopy({3}, back));
}

}  // namespace
}  // namespace tierwatch::series
