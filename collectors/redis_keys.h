// Samples the keys of a Redis server: how many there are and how large they are, by group.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/metric.h"
#include "collectors/client/redis_client.h"
#include "collectors/collector.h"

namespace tierwatch {

struct KeySampling {
  std::vector<std::string> patterns;  // globs; a key belongs to the first that matches
  std::int64_t budget = 10'000;       // keys looked at in one round
  Millis interval{5 * 60'000};        // from the begin of one round to the next
};

/// Reads `keys: {patterns, budget, interval}`.
KeySampling ReadKeySampling(const YamlNode& node, Diagnostics& diagnostics);

std::span<const MetricInfo> RedisKeyMetrics();

/// What a round saw of one group.
struct KeyGroup {
  std::int64_t keys = 0, sized = 0;
  double bytes = 0, largest = 0;  // of those that were sized
  void Add(double size);
};

/// Walks the keys with SCAN and asks each for its MEMORY USAGE, a few in each sample: the budget is
/// spread evenly over the interval, so that a large keyspace costs the server a steady trickle. A
/// round ends with its budget or with the keyspace; the next one goes on where it ended. SCAN goes
/// by hash, so that a part of the keyspace stands for all of it. Used by one thread at a time.
class RedisKeySampler {
 public:
  explicit RedisKeySampler(KeySampling options);

  /// Looks at the keys that are due, for at most 100 ms, over the connection of the sample. What
  /// went wrong ends the step; the round goes on with the next.
  Result<void> Step(RedisClient& client, const SampleContext& context);

  /// What the last whole round saw; nothing before.
  void AddTo(FamilySet& families) const;

 private:
  struct Round {
    SteadyTime start;
    std::vector<KeyGroup> groups;  // by pattern; the last is of the keys that none matches
    std::int64_t seen = 0;
    double database_size = 0;
  };

  void BeginRound(SteadyTime now);
  Result<std::vector<std::string>> Scan(RedisClient& client, const Deadline& deadline,
                                        std::int64_t count);
  Result<void> Size(RedisClient& client, const Deadline& deadline,
                    const std::vector<std::string>& keys);
  void EndRound(TimestampMs now);
  std::size_t GroupOf(const std::string& key) const;

  const KeySampling options_;
  std::string cursor_ = "0";
  double due_ = 0;  // keys that may be looked at
  std::optional<SteadyTime> last_step_;
  std::optional<Round> round_;
  std::optional<SteadyTime> last_round_;
  std::vector<KeyGroup> done_;
  double scale_ = 0;  // keys in the database for each that was seen
  double sampled_ = 0;
  TimestampMs done_at_ = 0;
};

}  // namespace tierwatch
