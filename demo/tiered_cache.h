// The tiered cache: reads fall through the tiers and backfill them, writes go to all, a broken tier
// is passed by.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "demo/cache_backend.h"
#include "demo/latency_window.h"

namespace tierwatch::demo {

struct Tier {
  std::string name;  // "L1-Memory"
  std::string type;  // "memory", "encore", "redis"
  Millis ttl;
  std::unique_ptr<CacheBackend> backend;
};

/// What was counted, of one tier or of whole requests. Latencies are of hits, over the last
/// seconds; absent without any.
struct CacheCounts {
  std::int64_t hits = 0;
  std::int64_t misses = 0;
  std::int64_t errors = 0;
  std::optional<LatencyPercentiles> latency;
};

struct TierStats {
  std::string name;
  std::string type;
  bool available = false;
  BackendStats backend;
  CacheCounts counts;
};

struct CacheStats {
  CacheCounts total;          // hits and misses of whole requests, errors of all tiers
  std::string last_hit_tier;  // "" before the first hit
  std::vector<TierStats> tiers;
};

/// What is cached: a thing of an owner. All things of an owner are invalidated together: {"org:42",
/// "profile"}.
struct CacheKey {
  std::string owner;
  std::string name;
};

/// Thread-safe. A tier that is not available is neither asked nor written to; one that fails is an
/// error in its counts and otherwise as good as a miss, so requests are served as long as the
/// origin or any tier works.
///
/// Invalidation is by version: each key is stored under its owner's version, so raising the version
/// hides every old entry in every tier at once, also in one that was away meanwhile, and old
/// entries leave by age. A value that was loaded before an invalidation is stored under the version
/// from before it, and thus never served after it.
class TieredCache {
 public:
  using Loader = std::function<Result<std::string>(const CacheKey&)>;

  /// Tiers from the fastest to the slowest. `clock` outlives the cache.
  TieredCache(std::vector<Tier> tiers, const Clock& clock);

  /// The value of the first tier that has it, then also put into the tiers above; else `load`'s,
  /// then put into all.
  Result<std::string> Get(const CacheKey& key, const Loader& load);
  /// Puts a value into all tiers, best effort.
  void Put(const CacheKey& key, std::string_view value);
  /// Takes one key out of all tiers, best effort.
  void Delete(const CacheKey& key);
  /// Hides everything cached for an owner.
  void Invalidate(const std::string& owner);
  /// Hides everything.
  void InvalidateAll();

  CacheStats Stats();

 private:
  struct Counted {
    CacheCounts counts;
    LatencyWindow latency;
  };

  std::string StoredKey(const CacheKey& key);
  std::optional<std::string> Read(std::size_t tier, const std::string& stored);
  /// Into the tiers before `end`.
  void Write(std::size_t end, const std::string& stored, std::string_view value);
  void CountHit(Counted& counted, SteadyTime since);
  void CountError(std::size_t tier);

  std::vector<Tier> tiers_;
  const Clock& clock_;

  std::mutex versions_mutex_;
  std::int64_t epoch_;  // the version of everything; its first is the start's time, so that no
                        // other run's entry fits
  std::unordered_map<std::string, std::int64_t> versions_;  // of owners; absent is 0

  std::mutex counts_mutex_;
  std::vector<Counted> per_tier_;
  Counted total_;
  std::size_t last_hit_ = 0;  // valid once total_ has a hit
};

}  // namespace tierwatch::demo
