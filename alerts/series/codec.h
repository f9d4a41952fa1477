// Packs a short run of doubles into few bytes and back, bit for bit.
//
// A packed run is empty where all are gaps. Else it begins with a byte of flags, kind and scale:
//   irregular  a bitmap follows: rows that are not among the packed numbers, as they are gaps;
//   where
//              flagged special, a second bitmap tells which of them are none, and 8 bytes each what
//              they are (NaN, infinities, -0).
//   constant   8 bytes.
//   integers   number * 10^-scale; their deltas of order 0, 1 or 2 less the smallest one, at one
//              width. What counters and most gauges are.
//   xor        Gorilla's: the bits in which a value differs from the one before
//              (Pelkonen et al., VLDB 2015).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "alerts/series/bits.h"

namespace tierwatch::series {

/// The longest run.
inline constexpr std::size_t kMaxRun = 1024;

/// Appends `values`, at most kMaxRun, packed the smallest way.
void Pack(std::span<const double> values, std::vector<std::uint8_t>& out);
/// The values of a run of `values.size()`. kBitSlack bytes beyond `packed` must be readable. False
/// where the bytes are not a packed run; nothing else is read or written then.
[[nodiscard]] bool Unpack(std::span<const std::uint8_t> packed, std::span<double> values);

/// The kinds, over numbers without gaps. Packing integers fails where some are no decimal of a few
/// digits; `scale` goes with the bytes.
bool PackIntegers(std::span<const double> values, unsigned& scale, std::vector<std::uint8_t>& out);
[[nodiscard]] bool UnpackIntegers(std::span<const std::uint8_t> packed, unsigned scale,
                                  std::span<double> values);
void PackXor(std::span<const double> values, std::vector<std::uint8_t>& out);
[[nodiscard]] bool UnpackXor(std::span<const std::uint8_t> packed, std::span<double> values);

}  // namespace tierwatch::series
