// Numbers of any width packed one after the other, the least significant bit first.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

namespace tierwatch::series {

/// Whoever reads bits may load that many bytes beyond the last one: they must exist.
inline constexpr std::size_t kBitSlack = 8;

/// Appends to a vector of bytes. Not thread-safe.
class BitWriter {
 public:
  explicit BitWriter(std::vector<std::uint8_t>& out) : out_(out) {}

  /// The lowest `width` <= 56 bits of `value`, whose higher ones must be 0.
  void Put(std::uint64_t value, unsigned width) {
    assert(width <= 56 && value >> width == 0);
    pending_ |= value << used_;
    used_ += width;
    if (used_ < 64) return;
    PutPending(8);
    used_ -= 64;
    pending_ = used_ == 0 ? 0 : value >> (width - used_);
  }
  void PutWide(std::uint64_t value, unsigned width) {
    if (width > 32) {
      Put(value & 0xffffffff, 32);
      Put(value >> 32, width - 32);
    } else {
      Put(value, width);
    }
  }
  /// Fills the last byte with zeros.
  void Finish() {
    PutPending((used_ + 7) / 8);
    pending_ = used_ = 0;
  }

 private:
  void PutPending(std::size_t bytes) {
    const std::size_t end = out_.size();
    out_.resize(end + bytes);
    if (bytes > 0) std::memcpy(out_.data() + end, &pending_, bytes);
  }

  std::vector<std::uint8_t>& out_;
  std::uint64_t pending_ = 0;
  unsigned used_ = 0;
};

/// The 57 bits from bit `at` on, or more.
inline std::uint64_t BitsAt(const std::uint8_t* bytes, std::size_t at) {
  std::uint64_t word;
  std::memcpy(&word, bytes + at / 8, sizeof word);
  return word >> (at % 8);
}

inline std::uint64_t Lowest(std::uint64_t bits, unsigned width) {
  return width == 0 ? 0 : bits & (~std::uint64_t{0} >> (64 - width));
}

inline std::uint64_t WideBitsAt(const std::uint8_t* bytes, std::size_t at, unsigned width) {
  if (width <= 32) return Lowest(BitsAt(bytes, at), width);
  return Lowest(BitsAt(bytes, at), 32) | Lowest(BitsAt(bytes, at + 32), width - 32) << 32;
}

}  // namespace tierwatch::series
