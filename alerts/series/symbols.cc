#include "alerts/series/symbols.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace tierwatch::series {
namespace {

constexpr std::size_t kArenaBytes = 64 * 1024;
constexpr std::size_t kEntryBytes = 64;  // of a text in the map and in its block, about

}  // namespace

Symbols::Symbols() {
  for (const std::string_view text : {"", "__name__", "__type__", "__unit__", "le"}) Intern(text);
}

Symbols::~Symbols() {
  for (std::atomic<std::string_view*>& block : blocks_) delete[] block.load();
}

Symbols::Place Symbols::PlaceOf(Symbol symbol) {
  const std::size_t shifted = symbol + kFirstBlock;
  const std::size_t block = static_cast<std::size_t>(std::bit_width(shifted / kFirstBlock)) - 1;
  return {block, shifted - (kFirstBlock << block)};
}

std::string_view Symbols::Keep(std::string_view text) {
  if (arena_used_ + text.size() > arena_size_) {
    arena_size_ = std::max(kArenaBytes, text.size());
    arenas_.push_back(std::make_unique<char[]>(arena_size_));
    arena_used_ = 0;
    bytes_ += arena_size_;
  }
  char* at = arenas_.back().get() + arena_used_;
  std::memcpy(at, text.data(), text.size());
  arena_used_ += text.size();
  return {at, text.size()};
}

Symbol Symbols::Intern(std::string_view text) {
  const std::lock_guard lock(mutex_);
  if (const auto known = symbols_.find(text); known != symbols_.end()) return known->second;
  const Symbol symbol = static_cast<Symbol>(symbols_.size());
  const auto [block, index] = PlaceOf(symbol);
  std::string_view* texts = blocks_[block].load(std::memory_order_relaxed);
  if (texts == nullptr) {
    texts = new std::string_view[kFirstBlock << block];
    blocks_[block].store(texts, std::memory_order_release);
  }
  const std::string_view kept = text.empty() ? std::string_view() : Keep(text);
  texts[index] = kept;
  symbols_.emplace(kept, symbol);
  bytes_ += kEntryBytes;
  return symbol;
}

std::optional<Symbol> Symbols::Find(std::string_view text) const {
  const std::lock_guard lock(mutex_);
  const auto known = symbols_.find(text);
  return known == symbols_.end() ? std::nullopt : std::optional(known->second);
}

std::string_view Symbols::Text(Symbol symbol) const {
  const auto [block, index] = PlaceOf(symbol);
  return blocks_[block].load(std::memory_order_acquire)[index];
}

std::size_t Symbols::size() const {
  const std::lock_guard lock(mutex_);
  return symbols_.size();
}

std::size_t Symbols::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

}  // namespace tierwatch::series
