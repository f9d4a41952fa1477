#include "demo/memory_cache.h"

#include <cassert>

namespace tierwatch::demo {

MemoryCache::MemoryCache(std::size_t max_entries, const Clock& clock)
    : max_entries_(max_entries), clock_(clock) {
  assert(max_entries > 0);
}

Result<std::optional<std::string>> MemoryCache::Get(const std::string& key) {
  std::lock_guard lock(mutex_);
  const auto found = index_.find(key);
  if (found == index_.end()) return std::optional<std::string>();
  const auto entry = found->second;
  if (entry->expires <= clock_.Steady()) {
    Erase(entry);
    return std::optional<std::string>();
  }
  entries_.splice(entries_.begin(), entries_, entry);
  return std::optional<std::string>(entry->value);
}

Result<void> MemoryCache::Set(const std::string& key, std::string_view value, Millis ttl) {
  std::lock_guard lock(mutex_);
  if (const auto found = index_.find(key); found != index_.end()) Erase(found->second);
  if (entries_.size() >= max_entries_) {
    Erase(std::prev(entries_.end()));
    ++evictions_;
  }
  entries_.push_front({key, std::string(value), clock_.Steady() + ttl});
  index_.emplace(entries_.front().key, entries_.begin());
  return {};
}

Result<void> MemoryCache::Delete(const std::string& key) {
  std::lock_guard lock(mutex_);
  if (const auto found = index_.find(key); found != index_.end()) Erase(found->second);
  return {};
}

BackendStats MemoryCache::Stats() {
  std::lock_guard lock(mutex_);
  return {.entries = static_cast<std::int64_t>(entries_.size()), .evictions = evictions_};
}

void MemoryCache::Erase(Entries::iterator entry) {
  index_.erase(entry->key);
  entries_.erase(entry);
}

}  // namespace tierwatch::demo
