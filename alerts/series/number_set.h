// An open-addressing set of numbers whose keys lie elsewhere: 4 bytes a slot, no node, no pointer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

namespace tierwatch::series {

/// Numbers below 2^32 - 1. `hash_of` tells the hash of a number that the set holds. Not
/// thread-safe.
class NumberSet {
 public:
  static constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();

  /// The number with that hash for which `is(number)` holds, else kNone.
  template <class Is>
  std::uint32_t Find(std::uint64_t hash, Is is) const {
    if (slots_.empty()) return kNone;
    for (std::size_t at = hash & mask();; at = (at + 1) & mask()) {
      if (slots_[at] == kNone || is(slots_[at])) return slots_[at];
    }
  }

  /// The number isn't in the set.
  template <class HashOf>
  void Insert(std::uint32_t number, HashOf hash_of) {
    if ((size_ + 1) * 4 > slots_.size() * 3)
      Resize(slots_.empty() ? 16 : slots_.size() * 2, hash_of);
    Put(number, hash_of(number));
    ++size_;
  }

  /// The number is in the set.
  template <class HashOf>
  void Erase(std::uint32_t number, HashOf hash_of) {
    std::size_t hole = hash_of(number) & mask();
    while (slots_[hole] != number) hole = (hole + 1) & mask();
    // Whatever the hole would hide from its place on is moved into it.
    for (std::size_t at = (hole + 1) & mask(); slots_[at] != kNone; at = (at + 1) & mask()) {
      const std::size_t home = hash_of(slots_[at]) & mask();
      if (((at - home) & mask()) < ((at - hole) & mask())) continue;
      slots_[hole] = slots_[at];
      hole = at;
    }
    slots_[hole] = kNone;
    --size_;
  }

  std::size_t size() const { return size_; }
  std::size_t bytes() const { return slots_.capacity() * sizeof(std::uint32_t); }

 private:
  std::size_t mask() const { return slots_.size() - 1; }

  void Put(std::uint32_t number, std::uint64_t hash) {
    std::size_t at = hash & mask();
    while (slots_[at] != kNone) at = (at + 1) & mask();
    slots_[at] = number;
  }

  template <class HashOf>
  void Resize(std::size_t size, HashOf hash_of) {
    std::vector<std::uint32_t> former(size, kNone);
    slots_.swap(former);
    for (const std::uint32_t number : former) {
      if (number != kNone) Put(number, hash_of(number));
    }
  }

  std::vector<std::uint32_t> slots_;  // a power of two of them, or none
  std::size_t size_ = 0;
};

}  // namespace tierwatch::series
