#include <algorithm>
#include <bit>

#include "alerts/series/codec.h"

namespace tierwatch::series {
namespace {

// 0: as before. 10: bits in the window of the one before. 11: zeros above (5 bits), length less one
// (6 bits), bits.
constexpr unsigned kWindowBits = 2 + 5 + 6;

}  // namespace

void PackXor(std::span<const double> values, std::vector<std::uint8_t>& out) {
  BitWriter bits(out);
  std::uint64_t before = std::bit_cast<std::uint64_t>(values[0]);
  bits.PutWide(before, 64);
  unsigned shift = 0, length = 0;
  for (const double value : values.subspan(1)) {
    const std::uint64_t now = std::bit_cast<std::uint64_t>(value);
    const std::uint64_t changed = now ^ before;
    before = now;
    if (changed == 0) {
      bits.Put(0, 1);
      continue;
    }
    const unsigned above = std::min(std::countl_zero(changed), 31);
    const unsigned below = static_cast<unsigned>(std::countr_zero(changed));
    const unsigned needed = 64 - above - below;
    const bool fits = length > 0 && below >= shift && 64 - above <= shift + length;
    // A window that is much too wide costs more than a new one.
    if (fits && length <= needed + kWindowBits) {
      bits.Put(0b01, 2);
    } else {
      shift = below;
      length = needed;
      bits.Put(0b11 | above << 2 | (length - 1) << 7, kWindowBits);
    }
    bits.PutWide(changed >> shift, length);
  }
  bits.Finish();
}

bool UnpackXor(std::span<const std::uint8_t> packed, std::span<double> values) {
  const std::uint8_t* const bytes = packed.data();
  const std::size_t end = packed.size() * 8;
  if (end < 64) return false;
  std::uint64_t now = WideBitsAt(bytes, 0, 64);
  values[0] = std::bit_cast<double>(now);
  std::size_t at = 64;
  unsigned shift = 0, length = 0;
  for (double& value : values.subspan(1)) {
    if (at >= end) return false;
    const std::uint64_t head = BitsAt(bytes, at);
    if ((head & 1) == 0) {
      ++at;
    } else {
      at += 2;
      if ((head & 2) != 0) {
        const unsigned above = static_cast<unsigned>(head >> 2 & 31);
        length = static_cast<unsigned>(head >> 7 & 63) + 1;
        if (above + length > 64) return false;
        shift = 64 - above - length;
        at += kWindowBits - 2;
      }
      if (length == 0 || at + length > end) return false;
      now ^= WideBitsAt(bytes, at, length) << shift;
      at += length;
    }
    value = std::bit_cast<double>(now);
  }
  return at <= end;
}

}  // namespace tierwatch::series
