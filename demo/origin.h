// The database behind the cache, in miniature: rows in hash partitions, a connection pool, a
// replica that follows.
#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <unordered_map>

#include "base/clock.h"
#include "base/result.h"
#include "demo/delay.h"
#include "demo/tiered_cache.h"

namespace tierwatch::demo {

struct OriginStats {
  int connections = 0;  // the pool's size
  int active_connections = 0;
  std::string replica;             // its name
  double replica_lag_seconds = 0;  // age of the oldest commit that the replica has not applied
  std::size_t partitions = 0;
  std::size_t rows = 0;  // that were ever written; all others are at revision 0
};

/// Thread-safe. Every figure it reports is of what it really did.
class Origin {
 public:
  /// `clock` outlives the origin.
  Origin(Latency latency, Spend spend, const Clock& clock);

  /// Reads a row: waits for a connection and takes the time of a query.
  Result<std::string> Load(const CacheKey& key);
  /// Commits a new revision of an owner's row.
  void Save(const std::string& owner);
  /// The replica applies what was committed so far. Called about once a second, as WAL would
  /// arrive.
  void Replicate();

  /// A row's content, as Load would give it, without connection or time: for filling a cache in
  /// bulk.
  std::string Peek(const CacheKey& key);
  OriginStats Stats();

 private:
  using Partition = std::unordered_map<std::string, std::int64_t>;  // owner → revision

  void Connect();
  void Disconnect();
  Partition& PartitionOf(const std::string& owner);

  const Clock& clock_;
  Delay query_;
  std::mutex mutex_;
  std::condition_variable freed_;
  int active_ = 0;
  std::array<Partition, 16> partitions_;
  std::deque<SteadyTime> not_replicated_;  // commit times, the oldest first
};

}  // namespace tierwatch::demo
