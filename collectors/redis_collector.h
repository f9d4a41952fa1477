// The collector of one Redis or Valkey server, node of a cluster, or sentinel.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "collectors/client/redis_client.h"
#include "collectors/collector.h"
#include "collectors/redis_keys.h"
#include "collectors/redis_replies.h"

namespace tierwatch {

/// What a server is watched as.
struct RedisWatch {
  RedisKind kind = RedisKind::kServer;
  std::string tier;                 // of cache_health; "" for none
  std::string primary;              // of a sentinel: the name of the set of servers
  std::optional<KeySampling> keys;  // nothing: none is looked at
  std::string members;  // what makes an address of "host:port" that the server names: "rediss://"
};

std::unique_ptr<Collector> MakeRedisCollector(RedisOptions options, RedisWatch watch);

}  // namespace tierwatch
