// The texts of labels by number: kept once, compared and hashed as integers.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace tierwatch::series {

/// The number of a text inside of one Symbols.
using Symbol = std::uint32_t;

inline constexpr Symbol kNoText = 0;      // "": an absent label
inline constexpr Symbol kNameSymbol = 1;  // "__name__"
inline constexpr Symbol kTypeSymbol = 2;  // "__type__"
inline constexpr Symbol kUnitSymbol = 3;  // "__unit__"
inline constexpr Symbol kLeSymbol = 4;    // "le"

/// Thread-safe. Grows only: a text that nobody uses any more goes with the whole table.
class Symbols {
 public:
  Symbols();
  ~Symbols();
  Symbols(const Symbols&) = delete;
  Symbols& operator=(const Symbols&) = delete;

  Symbol Intern(std::string_view text);
  /// Nothing where the text was never interned.
  std::optional<Symbol> Find(std::string_view text) const;
  /// Valid as long as the table. Takes no lock.
  std::string_view Text(Symbol symbol) const;

  std::size_t size() const;
  std::size_t bytes() const;

 private:
  // Texts lie in blocks that never move; each block is twice as large as the one before.
  static constexpr std::size_t kFirstBlock = 1024;
  struct Place {
    std::size_t block;
    std::size_t index;
  };
  static Place PlaceOf(Symbol symbol);
  std::string_view Keep(std::string_view text);

  std::array<std::atomic<std::string_view*>, 24> blocks_{};
  mutable std::mutex mutex_;  // guards what follows
  std::unordered_map<std::string_view, Symbol> symbols_;
  std::vector<std::unique_ptr<char[]>> arenas_;
  std::size_t arena_used_ = 0;
  std::size_t arena_size_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace tierwatch::series
