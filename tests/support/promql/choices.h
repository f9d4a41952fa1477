// Where a generator takes its choices from: a seed, or the bytes of a fuzzer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <span>

namespace tierwatch {

class Choices {
 public:
  virtual ~Choices() = default;
  /// A number from 0 to count - 1; count is positive.
  virtual std::uint32_t Below(std::uint32_t count) = 0;
};

/// The same on every machine: std::mt19937_64 is specified to the bit, distributions are not.
class SeededChoices final : public Choices {
 public:
  explicit SeededChoices(std::uint64_t seed) : engine_(seed) {}
  std::uint32_t Below(std::uint32_t count) override {
    return static_cast<std::uint32_t>((engine_() >> 32) % count);
  }

 private:
  std::mt19937_64 engine_;
};

/// A byte (two where there is more to choose from) is a choice; nothing is left: always 0.
class ByteChoices final : public Choices {
 public:
  explicit ByteChoices(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}
  std::uint32_t Below(std::uint32_t count) override {
    std::uint32_t choice = Next();
    if (count > 256) choice = choice << 8 | Next();
    return choice % count;
  }

 private:
  std::uint32_t Next() { return at_ < bytes_.size() ? bytes_[at_++] : 0; }

  std::span<const std::uint8_t> bytes_;
  std::size_t at_ = 0;
};

}  // namespace tierwatch
