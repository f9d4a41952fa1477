#include "demo/tiered_cache.h"

#include <fmt/format.h>

#include <utility>

namespace tierwatch::demo {
namespace {

/// Short, so that latencies recover soon after a fault; long enough for a percentile to have some
/// hits.
constexpr Millis kLatencySpan{5'000};

}  // namespace

TieredCache::TieredCache(std::vector<Tier> tiers, const Clock& clock)
    : tiers_(std::move(tiers)),
      clock_(clock),
      epoch_(clock.Now()),
      per_tier_(tiers_.size(), Counted{{}, LatencyWindow(kLatencySpan)}),
      total_{{}, LatencyWindow(kLatencySpan)} {}

Result<std::string> TieredCache::Get(const CacheKey& key, const Loader& load) {
  const std::string stored = StoredKey(key);
  const SteadyTime start = clock_.Steady();
  for (std::size_t tier = 0; tier < tiers_.size(); ++tier) {
    std::optional<std::string> value = Read(tier, stored);
    if (!value) continue;
    {
      std::lock_guard lock(counts_mutex_);
      CountHit(total_, start);
      last_hit_ = tier;
    }
    Write(tier, stored, *value);
    return *std::move(value);
  }
  {
    std::lock_guard lock(counts_mutex_);
    ++total_.counts.misses;
  }
  Result<std::string> loaded = load(key);
  if (loaded.ok()) Write(tiers_.size(), stored, *loaded);
  return loaded;
}

void TieredCache::Put(const CacheKey& key, std::string_view value) {
  Write(tiers_.size(), StoredKey(key), value);
}

void TieredCache::Delete(const CacheKey& key) {
  const std::string stored = StoredKey(key);
  for (std::size_t tier = 0; tier < tiers_.size(); ++tier) {
    CacheBackend& backend = *tiers_[tier].backend;
    if (backend.Available() && !backend.Delete(stored).ok()) CountError(tier);
  }
}

void TieredCache::Invalidate(const std::string& owner) {
  std::lock_guard lock(versions_mutex_);
  ++versions_[owner];
}

void TieredCache::InvalidateAll() {
  std::lock_guard lock(versions_mutex_);
  ++epoch_;
  versions_.clear();
}

CacheStats TieredCache::Stats() {
  CacheStats stats;
  for (Tier& tier : tiers_) {
    // Asked outside the lock: a tier over a network takes its time.
    stats.tiers.push_back({.name = tier.name,
                           .type = tier.type,
                           .available = tier.backend->Available(),
                           .backend = tier.backend->Stats(),
                           .counts = {}});
  }
  std::lock_guard lock(counts_mutex_);
  const SteadyTime now = clock_.Steady();
  const auto read = [now](const Counted& counted) {
    CacheCounts counts = counted.counts;
    counts.latency = counted.latency.At(now);
    return counts;
  };
  for (std::size_t tier = 0; tier < tiers_.size(); ++tier) {
    stats.tiers[tier].counts = read(per_tier_[tier]);
    stats.total.errors += stats.tiers[tier].counts.errors;
  }
  const std::int64_t errors = stats.total.errors;
  stats.total = read(total_);
  stats.total.errors = errors;
  if (stats.total.hits > 0) stats.last_hit_tier = tiers_[last_hit_].name;
  return stats;
}

std::string TieredCache::StoredKey(const CacheKey& key) {
  std::lock_guard lock(versions_mutex_);
  const auto found = versions_.find(key.owner);
  const std::int64_t version = found == versions_.end() ? 0 : found->second;
  return fmt::format("{}:{}:{}.{}", key.owner, key.name, epoch_, version);
}

std::optional<std::string> TieredCache::Read(std::size_t tier, const std::string& stored) {
  CacheBackend& backend = *tiers_[tier].backend;
  if (!backend.Available()) return std::nullopt;
  const SteadyTime start = clock_.Steady();
  Result<std::optional<std::string>> found = backend.Get(stored);
  if (!found.ok()) {
    CountError(tier);
    return std::nullopt;
  }
  std::lock_guard lock(counts_mutex_);
  if (found->has_value()) {
    CountHit(per_tier_[tier], start);
  } else {
    ++per_tier_[tier].counts.misses;
  }
  return *std::move(found);
}

void TieredCache::Write(std::size_t end, const std::string& stored, std::string_view value) {
  for (std::size_t tier = 0; tier < end; ++tier) {
    CacheBackend& backend = *tiers_[tier].backend;
    if (backend.Available() && !backend.Set(stored, value, tiers_[tier].ttl).ok()) CountError(tier);
  }
}

void TieredCache::CountHit(Counted& counted, SteadyTime since) {
  const SteadyTime now = clock_.Steady();
  ++counted.counts.hits;
  counted.latency.Add(now, now - since);
}

void TieredCache::CountError(std::size_t tier) {
  std::lock_guard lock(counts_mutex_);
  ++per_tier_[tier].counts.errors;
}

}  // namespace tierwatch::demo
