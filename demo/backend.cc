#include "demo/backend.h"

#include <map>
#include <utility>

#include "demo/memory_cache.h"
#include "demo/pause.h"
#include "demo/redis_cache.h"

namespace tierwatch::demo {
namespace {

using namespace std::chrono_literals;

// Sized against the workload so that the hit rates are those that the application expects: 60 to 70
// % in L1, 75 to 85 % with L2, 80 to 90 % with L3.
constexpr std::size_t kL1Entries = 300;
constexpr std::size_t kL2Entries = 2'000;
constexpr std::size_t kL3Entries = 6'000;

constexpr Latency kNoDistance{};
constexpr Latency kL2Latency{.p50 = 2ms, .p95 = 10ms};
constexpr Latency kL3Latency{.p50 = 4ms, .p95 = 15ms};
constexpr Latency kQueryLatency{.p50 = 65ms, .p95 = 95ms};

constexpr Millis kReplicationPause{250};

}  // namespace

Result<std::unique_ptr<Backend>> Backend::Start(BackendOptions options, const Clock& clock) {
  std::unique_ptr<CacheBackend> l3;
  if (!options.redis_url.empty()) {
    Result<std::unique_ptr<RedisCache>> redis = RedisCache::Make(options.redis_url, clock);
    if (!redis.ok()) return std::move(redis).error().In("--redis");
    l3 = *std::move(redis);
  }
  std::unique_ptr<Backend> backend(new Backend(std::move(options), std::move(l3), clock));
  backend->Fill();
  backend->workload_->Start();
  backend->playing_ =
      std::jthread([raw = backend.get()](std::stop_token stop) { raw->Play(stop); });
  return backend;
}

Backend::Backend(BackendOptions options, std::unique_ptr<CacheBackend> redis, const Clock& clock)
    : clock_(clock), start_(clock.Steady()), options_(std::move(options)) {
  const Spend spend = [this](Micros time) {
    if (!filling_) std::this_thread::sleep_for(time);
  };
  origin_ = std::make_unique<Origin>(kQueryLatency, spend, clock);

  std::map<std::string, LinkFaults*, std::less<>> links;
  std::vector<Tier> tiers;
  const auto add = [&](std::string_view name, std::string type, Millis ttl, Latency latency,
                       std::unique_ptr<CacheBackend> store) {
    auto link = std::make_unique<Link>(std::move(store), latency, spend, tiers.size());
    links.emplace(name, &link->faults());
    tiers.push_back({std::string(name), std::move(type), ttl, std::move(link)});
  };
  const auto memory = [&clock](std::size_t entries) {
    return std::make_unique<MemoryCache>(entries, clock);
  };
  add(kTierNames[0], "memory", 2min, kNoDistance, memory(kL1Entries));
  add(kTierNames[1], "encore", 5min, kL2Latency, memory(kL2Entries));
  if (redis) {
    add(kTierNames[2], "redis", 10min, kNoDistance, std::move(redis));
  } else {
    add(kTierNames[2], "redis", 10min, kL3Latency, memory(kL3Entries));
  }
  cache_ = std::make_unique<TieredCache>(std::move(tiers), clock);
  player_ = std::make_unique<FaultPlayer>(
      options_.faults, FaultPlayer::Stage{.links = std::move(links),
                                          .make_cold = [this] { cache_->InvalidateAll(); },
                                          .tell = options_.tell});
  workload_ = std::make_unique<Workload>(options_.workload, *cache_, *origin_, clock);
}

void Backend::Fill() {
  // The most wanted last: it is the least recently used that makes room.
  for (std::size_t rank = std::min(kL3Entries, options_.workload.organizations); rank-- > 0;) {
    const CacheKey key = KeyOfRank(rank);
    cache_->Put(key, origin_->Peek(key));
  }
  filling_ = false;
}

void Backend::Play(std::stop_token stop) {
  while (Pause(stop, kReplicationPause)) {
    origin_->Replicate();
    player_->Advance(std::chrono::duration_cast<Millis>(clock_.Steady() - start_));
    script_done_ = player_->done();
  }
}

}  // namespace tierwatch::demo
