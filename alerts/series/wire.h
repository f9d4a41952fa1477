// Numbers and texts as bytes, little-endian: what files of our own are made of.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace tierwatch::series {

static_assert(std::endian::native == std::endian::little);

/// Appends to bytes of its own.
class WireWriter {
 public:
  template <class T>
  requires std::is_arithmetic_v<T>
  void Put(T number) { PutBytes({reinterpret_cast<const std::uint8_t*>(&number), sizeof number}); }
  void PutText(std::string_view text) {
    Put(static_cast<std::uint32_t>(text.size()));
    PutBytes({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  }
  /// Their number and they.
  template <class T>
  requires std::is_arithmetic_v<T>
  void PutAll(std::span<const T> numbers) {
    Put(static_cast<std::uint32_t>(numbers.size()));
    PutBytes({reinterpret_cast<const std::uint8_t*>(numbers.data()), numbers.size_bytes()});
  }
  std::span<const std::uint8_t> bytes() const { return bytes_; }

 private:
  void PutBytes(std::span<const std::uint8_t> bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  }
  std::vector<std::uint8_t> bytes_;
};

/// Takes from bytes that must outlive it. After one that isn't there, ok() is false and all else
/// that is taken is empty or 0: whoever has read checks once.
class WireReader {
 public:
  explicit WireReader(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

  template <class T>
  requires std::is_arithmetic_v<T> T Take() {
    T number{};
    const std::span<const std::uint8_t> bytes = TakeBytes(sizeof number);
    if (ok_) std::memcpy(&number, bytes.data(), sizeof number);
    return number;
  }
  std::string TakeText() {
    const std::span<const std::uint8_t> bytes = TakeBytes(Take<std::uint32_t>());
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  template <class T>
  requires std::is_arithmetic_v<T> std::vector<T> TakeAll() {
    const std::size_t count = TakeCount(sizeof(T));
    const std::span<const std::uint8_t> bytes = TakeBytes(count * sizeof(T));
    std::vector<T> numbers(bytes.size() / sizeof(T));
    if (!numbers.empty()) std::memcpy(numbers.data(), bytes.data(), bytes.size());
    return numbers;
  }
  /// A number of things of at least `size` bytes each, all of which may still follow.
  std::size_t TakeCount(std::size_t size) {
    const std::size_t count = Take<std::uint32_t>();
    if (count > bytes_.size() / size) ok_ = false;
    return ok_ ? count : 0;
  }

  bool ok() const { return ok_; }
  bool AtEnd() const { return ok_ && bytes_.empty(); }

 private:
  std::span<const std::uint8_t> TakeBytes(std::size_t size) {
    ok_ = ok_ && size <= bytes_.size();
    if (!ok_) return {};
    const std::span<const std::uint8_t> taken = bytes_.first(size);
    bytes_ = bytes_.subspan(size);
    return taken;
  }

  std::span<const std::uint8_t> bytes_;
  bool ok_ = true;
};

}  // namespace tierwatch::series
