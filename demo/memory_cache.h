// A cache in memory: least recently used goes first, every entry has a time to live.
#pragma once

#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "demo/cache_backend.h"

namespace tierwatch::demo {

/// Holds at most `max_entries`, which is positive. An entry whose time has passed is never served;
/// it counts as an entry until it is asked for or evicted. All operations are O(1).
class MemoryCache final : public CacheBackend {
 public:
  /// `clock` outlives the cache.
  MemoryCache(std::size_t max_entries, const Clock& clock);

  Result<std::optional<std::string>> Get(const std::string& key) override;
  Result<void> Set(const std::string& key, std::string_view value, Millis ttl) override;
  Result<void> Delete(const std::string& key) override;
  bool Available() override { return true; }
  BackendStats Stats() override;

 private:
  struct Entry {
    std::string key;
    std::string value;
    SteadyTime expires;
  };
  using Entries = std::list<Entry>;  // the most recently used first

  void Erase(Entries::iterator entry);

  const std::size_t max_entries_;
  const Clock& clock_;
  std::mutex mutex_;
  Entries entries_;
  std::unordered_map<std::string_view, Entries::iterator> index_;  // keys are the entries' own
  std::int64_t evictions_ = 0;
};

}  // namespace tierwatch::demo
