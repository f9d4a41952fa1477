#include "demo/link.h"

#include <utility>

namespace tierwatch::demo {

Link::Link(std::unique_ptr<CacheBackend> backend, Latency latency, Spend spend, std::uint64_t seed)
    : backend_(std::move(backend)), delay_(latency, std::move(spend), seed), random_(seed + 1) {}

Result<std::optional<std::string>> Link::Get(const std::string& key) {
  if (Result<void> crossed = Cross(); !crossed.ok()) return std::move(crossed).error();
  return backend_->Get(key);
}

Result<void> Link::Set(const std::string& key, std::string_view value, Millis ttl) {
  if (Result<void> crossed = Cross(); !crossed.ok()) return crossed;
  return backend_->Set(key, value, ttl);
}

Result<void> Link::Delete(const std::string& key) {
  if (Result<void> crossed = Cross(); !crossed.ok()) return crossed;
  return backend_->Delete(key);
}

BackendStats Link::Stats() {
  if (faults_.down) return {};
  return backend_->Stats();
}

Result<void> Link::Cross() {
  if (faults_.down) return Error{"connection refused", Reason::kConnect};
  delay_.Take(Micros(faults_.extra_micros));
  const double ratio = faults_.error_ratio;
  if (ratio <= 0) return {};
  std::lock_guard lock(mutex_);
  if (std::uniform_real_distribution<double>(0, 1)(random_) >= ratio) return {};
  return Error{"connection reset by peer", Reason::kConnect};
}

}  // namespace tierwatch::demo
