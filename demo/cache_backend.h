// A cache backend: what a store must do to be a tier of the demo's cache.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace tierwatch::demo {

/// What a backend knows of itself; what it does not know is absent.
struct BackendStats {
  std::optional<std::int64_t> entries;
  std::optional<std::int64_t> evictions;  // since start, for want of room
};

/// Implementations are thread-safe and bound the time of every call.
class CacheBackend {
 public:
  virtual ~CacheBackend() = default;
  /// The value, nothing where there is none or its time to live has passed, or why it can't be
  /// told.
  virtual Result<std::optional<std::string>> Get(const std::string& key) = 0;
  /// Stores for `ttl`, which is positive.
  virtual Result<void> Set(const std::string& key, std::string_view value, Millis ttl) = 0;
  /// Deleting what is not there is a success.
  virtual Result<void> Delete(const std::string& key) = 0;
  /// False: asking is pointless now. Cheap, since every request asks; at most a second old.
  virtual bool Available() = 0;
  virtual BackendStats Stats() = 0;
};

}  // namespace tierwatch::demo
