#include "alerts/series/codec.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cmath>

#include "alerts/series/queryable.h"

namespace tierwatch::series {
namespace {

enum Kind : std::uint8_t { kConstant = 0, kIntegers = 1, kXor = 2, kKindBits = 3 };
constexpr std::uint8_t kIrregular = 4;
constexpr std::uint8_t kSpecial = 8;
constexpr unsigned kScaleShift = 4;

// Above that width of integers, the bits that change may be fewer.
constexpr unsigned kWide = 16;

using Run = std::array<double, kMaxRun>;

std::uint64_t BitsOf(double value) { return std::bit_cast<std::uint64_t>(value); }

// No integer has these bits.
bool IsSpecial(double value) { return !std::isfinite(value) || BitsOf(value) == BitsOf(-0.0); }

void PutWord(std::uint64_t word, std::vector<std::uint8_t>& out) {
  for (unsigned shift = 0; shift < 64; shift += 8)
    out.push_back(static_cast<std::uint8_t>(word >> shift));
}

// Appends what is irregular, if anything; gives the flags. The regular ones go to `rest`.
template <class Test>
std::uint8_t PutIrregular(std::span<const double> values, Test irregular, Run& rest,
                          std::size_t& regular, std::vector<std::uint8_t>& out) {
  const std::size_t bitmap = out.size();
  std::uint8_t flags = 0;
  regular = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!irregular(values[i])) {
      rest[regular++] = values[i];
      continue;
    }
    if (flags == 0) out.resize(bitmap + (values.size() + 7) / 8);
    flags |= kIrregular;
    if (!IsGap(values[i])) flags |= kSpecial;
    out[bitmap + i / 8] |= static_cast<std::uint8_t>(1u << i % 8);
  }
  if ((flags & kSpecial) == 0) return flags;
  const std::size_t specials = out.size();
  out.resize(specials + (values.size() - regular + 7) / 8);
  std::size_t i = 0;
  for (const double value : values) {
    if (!irregular(value)) continue;
    if (!IsGap(value)) {
      out[specials + i / 8] |= static_cast<std::uint8_t>(1u << i % 8);
      PutWord(BitsOf(value), out);
    }
    ++i;
  }
  return flags;
}

bool PackAsIntegers(std::span<const double> values, std::vector<std::uint8_t>& out) {
  const std::size_t start = out.size();
  Run rest;
  std::size_t regular = 0;
  out.push_back(0);
  const std::uint8_t flags = PutIrregular(values, IsSpecial, rest, regular, out);
  unsigned scale = 0;
  if (regular > 0 && !PackIntegers({rest.data(), regular}, scale, out)) {
    out.resize(start);
    return false;
  }
  out[start] = static_cast<std::uint8_t>(kIntegers | flags | scale << kScaleShift);
  return true;
}

void PackAsXor(std::span<const double> values, std::vector<std::uint8_t>& out) {
  const std::size_t start = out.size();
  Run rest;
  std::size_t regular = 0;
  out.push_back(0);
  const std::uint8_t flags = PutIrregular(values, IsGap, rest, regular, out);
  const bool constant = std::all_of(rest.begin() + 1, rest.begin() + regular,
                                    [&](double value) { return BitsOf(value) == BitsOf(rest[0]); });
  out[start] = static_cast<std::uint8_t>((constant ? kConstant : kXor) | flags);
  if (constant) {
    PutWord(BitsOf(rest[0]), out);
  } else {
    PackXor({rest.data(), regular}, out);
  }
}

bool HasBit(std::span<const std::uint8_t> bitmap, std::size_t i) {
  return (bitmap[i / 8] >> i % 8 & 1) != 0;
}

bool TakeBitmap(std::size_t bits, std::span<const std::uint8_t>& packed,
                std::span<const std::uint8_t>& bitmap, std::size_t& count) {
  const std::size_t bytes = (bits + 7) / 8;
  if (packed.size() < bytes) return false;
  bitmap = packed.first(bytes);
  packed = packed.subspan(bytes);
  count = 0;
  for (std::size_t i = 0; i < bits; ++i) count += HasBit(bitmap, i);
  return true;
}

// Which rows are irregular, which of those are special, and what they are.
struct Irregular {
  std::span<const std::uint8_t> rows;
  std::size_t count = 0;
  std::span<const std::uint8_t> special;  // of the irregular ones; empty: all are gaps
  std::span<const std::uint8_t> words;
};

bool TakeIrregular(std::uint8_t flags, std::size_t rows, std::span<const std::uint8_t>& packed,
                   Irregular& irregular) {
  if (!TakeBitmap(rows, packed, irregular.rows, irregular.count)) return false;
  if ((flags & kSpecial) == 0) return true;
  std::size_t specials = 0;
  if (!TakeBitmap(irregular.count, packed, irregular.special, specials) ||
      packed.size() < specials * 8) {
    return false;
  }
  irregular.words = packed.first(specials * 8);
  packed = packed.subspan(specials * 8);
  return true;
}

bool UnpackRegular(std::uint8_t head, std::span<const std::uint8_t> packed,
                   std::span<double> values) {
  switch (head & kKindBits) {
    case kConstant:
      if (packed.size() < 8) return false;
      std::fill(values.begin(), values.end(),
                std::bit_cast<double>(WideBitsAt(packed.data(), 0, 64)));
      return true;
    case kIntegers:
      return UnpackIntegers(packed, head >> kScaleShift, values);
    case kXor:
      return UnpackXor(packed, values);
    default:
      return false;
  }
}

}  // namespace

void Pack(std::span<const double> values, std::vector<std::uint8_t>& out) {
  assert(values.size() <= kMaxRun);
  if (std::all_of(values.begin(), values.end(), IsGap)) return;
  const std::size_t start = out.size();
  const bool integers = PackAsIntegers(values, out);
  const std::size_t size = out.size() - start;
  if (integers && size * 8 <= values.size() * kWide) return;
  PackAsXor(values, out);
  const std::size_t size_of_xor = out.size() - start - size;
  if (integers && size <= size_of_xor) {
    out.resize(start + size);
  } else {
    out.erase(out.begin() + start, out.begin() + start + size);
  }
}

bool Unpack(std::span<const std::uint8_t> packed, std::span<double> values) {
  if (values.size() > kMaxRun) return false;
  if (packed.empty()) {
    std::fill(values.begin(), values.end(), std::bit_cast<double>(kGapBits));
    return true;
  }
  const std::uint8_t head = packed[0];
  packed = packed.subspan(1);
  if ((head & kIrregular) == 0) return UnpackRegular(head, packed, values);
  Irregular irregular;
  if (!TakeIrregular(head, values.size(), packed, irregular)) return false;
  Run rest;
  const std::size_t regular = values.size() - irregular.count;
  if (regular > 0 && !UnpackRegular(head, packed, {rest.data(), regular})) return false;
  const double* next = rest.data();
  std::size_t seen = 0, word = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!HasBit(irregular.rows, i)) {
      values[i] = *next++;
    } else if (irregular.special.empty() || !HasBit(irregular.special, seen++)) {
      values[i] = std::bit_cast<double>(kGapBits);
    } else {
      values[i] = std::bit_cast<double>(WideBitsAt(irregular.words.data(), word++ * 64, 64));
    }
  }
  return true;
}

}  // namespace tierwatch::series
