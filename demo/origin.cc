#include "demo/origin.h"

#include <fmt/format.h>

#include <functional>
#include <utility>

namespace tierwatch::demo {
namespace {

constexpr int kConnections = 20;
constexpr std::uint64_t kSeed = 7;

}  // namespace

Origin::Origin(Latency latency, Spend spend, const Clock& clock)
    : clock_(clock), query_(latency, std::move(spend), kSeed) {}

Result<std::string> Origin::Load(const CacheKey& key) {
  Connect();
  query_.Take();
  std::string row = Peek(key);
  Disconnect();
  return row;
}

void Origin::Save(const std::string& owner) {
  Connect();
  query_.Take();
  {
    std::lock_guard lock(mutex_);
    ++PartitionOf(owner)[owner];
    not_replicated_.push_back(clock_.Steady());
  }
  Disconnect();
}

void Origin::Replicate() {
  std::lock_guard lock(mutex_);
  not_replicated_.clear();
}

std::string Origin::Peek(const CacheKey& key) {
  std::lock_guard lock(mutex_);
  const Partition& partition = PartitionOf(key.owner);
  const auto row = partition.find(key.owner);
  const std::int64_t revision = row == partition.end() ? 0 : row->second;
  return fmt::format(R"({{"owner":"{}","kind":"{}","revision":{},"plan":"scale","region":"eu-1"}})",
                     key.owner, key.name, revision);
}

OriginStats Origin::Stats() {
  std::lock_guard lock(mutex_);
  OriginStats stats;
  stats.connections = kConnections;
  stats.active_connections = active_;
  stats.replica = "replica-1";
  if (!not_replicated_.empty()) {
    const auto lag = clock_.Steady() - not_replicated_.front();
    stats.replica_lag_seconds = std::chrono::duration<double>(lag).count();
  }
  stats.partitions = partitions_.size();
  for (const Partition& partition : partitions_) stats.rows += partition.size();
  return stats;
}

void Origin::Connect() {
  std::unique_lock lock(mutex_);
  freed_.wait(lock, [this] { return active_ < kConnections; });
  ++active_;
}

void Origin::Disconnect() {
  {
    std::lock_guard lock(mutex_);
    --active_;
  }
  freed_.notify_one();
}

Origin::Partition& Origin::PartitionOf(const std::string& owner) {
  return partitions_[std::hash<std::string>()(owner) % partitions_.size()];
}

}  // namespace tierwatch::demo
