// A real Redis or Valkey as a tier of the demo's cache.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "collectors/client/redis_client.h"
#include "demo/cache_backend.h"

namespace tierwatch::demo {

/// Keeps a few connections. After a call that got no answer the server counts as unavailable until
/// a PING, at most every half second, gets one: a server that is gone or frozen delays no request
/// but the first ones.
class RedisCache final : public CacheBackend {
 public:
  /// `url`: redis[s]://[user[:password]@]host[:port][/database]. Does not connect yet. `clock`
  /// outlives the cache.
  static Result<std::unique_ptr<RedisCache>> Make(std::string_view url, const Clock& clock);

  Result<std::optional<std::string>> Get(const std::string& key) override;
  Result<void> Set(const std::string& key, std::string_view value, Millis ttl) override;
  Result<void> Delete(const std::string& key) override;
  bool Available() override;
  /// Entries are DBSIZE: all keys of the database.
  BackendStats Stats() override;

 private:
  RedisCache(RedisOptions options, const Clock& clock)
      : options_(std::move(options)), clock_(clock) {}

  /// One command on a connection of the calling thread's own. An error reply is an error.
  Result<RedisReply> Run(RedisCommand command);
  Result<RedisReply> RunOn(RedisClient& client, RedisCommand command);
  std::unique_ptr<RedisClient> Borrow();
  void GiveBack(std::unique_ptr<RedisClient> client);
  void Heard(bool answered);

  const RedisOptions options_;
  const Clock& clock_;
  std::mutex idle_mutex_;
  std::vector<std::unique_ptr<RedisClient>> idle_;

  std::mutex probing_;  // held by the one thread that probes
  std::atomic<bool> available_{false};
  std::atomic<SteadyTime> heard_{};  // when the server last answered, or failed to
};

}  // namespace tierwatch::demo
