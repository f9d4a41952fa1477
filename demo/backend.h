// The demo's backend: a tiered cache in front of a database, its users, and what goes wrong with
// it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "demo/faults.h"
#include "demo/origin.h"
#include "demo/tiered_cache.h"
#include "demo/workload.h"

namespace tierwatch::demo {

struct BackendOptions {
  std::string redis_url;      // L3; "" = an embedded one
  std::vector<Fault> faults;  // `at` counts from Start
  std::function<void(const Fault&, bool began)> tell = [](const Fault&, bool) {};
  WorkloadOptions workload;
};

/// Everything real but the distances: L2, an embedded L3 and the database take the time that a
/// network would.
class Backend {
 public:
  /// Fills the cache, so that it starts as warm as it will be, then starts the users and the fault
  /// script on threads of its own. `clock` outlives the backend. Fails on a Redis URL that can't be
  /// read; a Redis that does not answer is an unavailable tier.
  static Result<std::unique_ptr<Backend>> Start(BackendOptions options, const Clock& clock);

  CacheStats Cache() { return cache_->Stats(); }
  OriginStats Database() { return origin_->Stats(); }
  /// Since Start.
  std::chrono::duration<double> Uptime() const { return clock_.Steady() - start_; }
  TimestampMs Now() const { return clock_.Now(); }
  /// Every fault of the script has ended.
  bool ScriptDone() const { return script_done_; }

 private:
  Backend(BackendOptions options, std::unique_ptr<CacheBackend> l3, const Clock& clock);
  void Fill();
  void Play(std::stop_token stop);

  const Clock& clock_;
  const SteadyTime start_;
  BackendOptions options_;
  std::atomic<bool> filling_{true};  // in bulk: nothing takes its time
  std::unique_ptr<Origin> origin_;
  std::unique_ptr<TieredCache> cache_;
  std::unique_ptr<FaultPlayer> player_;
  std::unique_ptr<Workload> workload_;
  std::atomic<bool> script_done_{false};
  std::jthread playing_;
};

}  // namespace tierwatch::demo
