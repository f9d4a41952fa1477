// The link to a tier: calls take their time over it, and the fault script can break it.
#pragma once

#include <atomic>
#include <memory>

#include "demo/cache_backend.h"
#include "demo/delay.h"

namespace tierwatch::demo {

/// What is wrong with a link now. Written by the fault script, read by every call.
struct LinkFaults {
  std::atomic<bool> down{false};
  std::atomic<double> error_ratio{0};         // of calls that fail, 0 to 1
  std::atomic<std::int64_t> extra_micros{0};  // on top of each call's own time
};

/// A backend behind a link. Thread-safe.
class Link final : public CacheBackend {
 public:
  Link(std::unique_ptr<CacheBackend> backend, Latency latency, Spend spend, std::uint64_t seed);

  Result<std::optional<std::string>> Get(const std::string& key) override;
  Result<void> Set(const std::string& key, std::string_view value, Millis ttl) override;
  Result<void> Delete(const std::string& key) override;
  bool Available() override { return !faults_.down && backend_->Available(); }
  BackendStats Stats() override;

  LinkFaults& faults() { return faults_; }

 private:
  /// Travels: spends the time and meets the faults.
  Result<void> Cross();

  const std::unique_ptr<CacheBackend> backend_;
  Delay delay_;
  LinkFaults faults_;
  std::mutex mutex_;
  std::mt19937_64 random_;
};

}  // namespace tierwatch::demo
