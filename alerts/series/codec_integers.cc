#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>

#include "alerts/series/codec.h"

namespace tierwatch::series {
namespace {

constexpr double kPowers[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10};
constexpr unsigned kMaxScale = std::size(kPowers) - 1;
constexpr double kMaxInteger = 9007199254740990;  // less than 2^53: all below are doubles
constexpr unsigned kMaxWidth = 56;                // of a delta of a delta

using Integers = std::array<std::int64_t, kMaxRun>;

// True where `value` is `integer` / 10^scale, by its bits.
bool AsInteger(double value, unsigned scale, std::int64_t& integer) {
  const double scaled = value * kPowers[scale];
  if (!(std::abs(scaled) < kMaxInteger)) return false;
  integer = static_cast<std::int64_t>(scaled + (scaled < 0 ? -0.5 : 0.5));
  return std::bit_cast<std::uint64_t>(static_cast<double>(integer) / kPowers[scale]) ==
         std::bit_cast<std::uint64_t>(value);
}

bool ToIntegers(std::span<const double> values, unsigned& scale, Integers& integers) {
  scale = 0;
  std::size_t i = 0;
  while (i < values.size() && scale <= kMaxScale) {
    if (AsInteger(values[i], scale, integers[i])) {
      ++i;
    } else {
      ++scale;
      i = 0;  // what fitted the smaller scale may be too large for this one
    }
  }
  return i == values.size();
}

// How the deltas of one order would be packed.
struct Frame {
  unsigned order = 0;
  unsigned width = 0;
  std::int64_t least = 0;
  std::size_t bits = 0;
};

Frame FrameOf(std::span<const std::int64_t> deltas, unsigned order) {
  std::int64_t least = deltas[0], most = deltas[0];
  for (const std::int64_t delta : deltas) {
    least = std::min(least, delta);
    most = std::max(most, delta);
  }
  Frame frame{order, 0, least, 0};
  frame.width = static_cast<unsigned>(
      std::bit_width(static_cast<std::uint64_t>(most) - static_cast<std::uint64_t>(least)));
  frame.bits = deltas.size() * frame.width;
  return frame;
}

std::uint64_t ZigZag(std::int64_t value) {
  return static_cast<std::uint64_t>(value) << 1 ^ static_cast<std::uint64_t>(value >> 63);
}
std::int64_t UnZigZag(std::uint64_t bits) {
  return static_cast<std::int64_t>(bits >> 1) ^ -static_cast<std::int64_t>(bits & 1);
}

void PutVarint(std::int64_t value, std::vector<std::uint8_t>& out) {
  std::uint64_t bits = ZigZag(value);
  for (; bits >= 128; bits >>= 7) out.push_back(static_cast<std::uint8_t>(bits | 128));
  out.push_back(static_cast<std::uint8_t>(bits));
}

bool TakeVarint(std::span<const std::uint8_t>& in, std::int64_t& value) {
  std::uint64_t bits = 0;
  for (unsigned shift = 0; shift < 64 && !in.empty(); shift += 7) {
    const std::uint8_t byte = in.front();
    in = in.subspan(1);
    bits |= std::uint64_t{byte & 127u} << shift;
    if (byte < 128) {
      value = UnZigZag(bits);
      return true;
    }
  }
  return false;
}

}  // namespace

bool PackIntegers(std::span<const double> values, unsigned& scale, std::vector<std::uint8_t>& out) {
  Integers orders[3];
  if (!ToIntegers(values, scale, orders[0])) return false;
  Frame best = FrameOf({orders[0].data(), values.size()}, 0);
  for (unsigned order = 1; order <= 2 && order < values.size() && best.width > 0; ++order) {
    const std::size_t count = values.size() - order;
    for (std::size_t i = 0; i < count; ++i)
      orders[order][i] = orders[order - 1][i + 1] - orders[order - 1][i];
    // Another order costs another first number.
    const Frame frame = FrameOf({orders[order].data(), count}, order);
    if (frame.bits + 16 < best.bits) best = frame;
  }
  out.push_back(static_cast<std::uint8_t>(best.order << 6 | best.width));
  for (unsigned order = 0; order < best.order; ++order) PutVarint(orders[order][0], out);
  PutVarint(best.least, out);
  BitWriter bits(out);
  for (std::size_t i = 0; i < values.size() - best.order; ++i) {
    bits.Put(
        static_cast<std::uint64_t>(orders[best.order][i]) - static_cast<std::uint64_t>(best.least),
        best.width);
  }
  bits.Finish();
  return true;
}

bool UnpackIntegers(std::span<const std::uint8_t> packed, unsigned scale,
                    std::span<double> values) {
  if (packed.empty() || scale > kMaxScale) return false;
  const unsigned order = packed[0] >> 6, width = packed[0] & 63u;
  packed = packed.subspan(1);
  std::int64_t first[2] = {0, 0}, least = 0;
  if (order > 2 || order > values.size() || width > kMaxWidth) return false;
  for (unsigned i = 0; i < order; ++i) {
    if (!TakeVarint(packed, first[i])) return false;
  }
  const std::size_t count = values.size() - order;
  if (!TakeVarint(packed, least) || packed.size() * 8 < count * width) return false;
  // Sums wrap around where the bytes are not ours.
  std::uint64_t value = static_cast<std::uint64_t>(first[0]);
  std::uint64_t slope = static_cast<std::uint64_t>(first[1]);
  const std::uint8_t* const bytes = packed.data();
  double* out = values.data();
  const auto put = [&](std::uint64_t integer) {
    *out++ = static_cast<double>(static_cast<std::int64_t>(integer));
  };
  if (order >= 1) put(value);
  if (order == 2) put(value += slope);
  std::size_t at = 0;
  const auto unpack = [&](auto next) {
    for (std::size_t i = 0; i < count; ++i, at += width)
      put(next(Lowest(BitsAt(bytes, at), width) + static_cast<std::uint64_t>(least)));
  };
  if (order == 0) unpack([](std::uint64_t delta) { return delta; });
  if (order == 1) unpack([&](std::uint64_t delta) { return value += delta; });
  if (order == 2) unpack([&](std::uint64_t delta) { return value += slope += delta; });
  if (scale > 0) {
    const double power = kPowers[scale];
    for (double& scaled : values) scaled /= power;
  }
  return true;
}

}  // namespace tierwatch::series
