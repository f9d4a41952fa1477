// Passes alerts on to Alertmanagers, which group, mute and page by themselves: each member of a
// cluster is told of every change and renewal.
#pragma once

#include <prometheus/registry.h>

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <span>
#include <thread>
#include <vector>

#include "alerts/notify/config.h"
#include "alerts/notify/delivery.h"
#include "alerts/receivers/integration.h"
#include "base/log.h"
#include "base/metric.h"

namespace tierwatch {

std::span<const MetricInfo> ForwarderMetrics();

/// Thread-safe. What waits is the newest state of each alert, in memory alone: rules tell their
/// alerts again each minute and for 15 minutes after their end, the next process's rules as well,
/// so none is lost. A member that is dead waits for nobody and nobody waits for it.
class Forwarder {
 public:
  /// At most so many alerts go into one request, as Prometheus does it.
  static constexpr std::size_t kBatch = 256;

  /// A configuration must live as long as it is followed, the rest longer.
  Forwarder(const NotifyConfig& config, const DeliveryOptions& options, const Clock& clock,
            Logger& logger, prometheus::Registry& registry);
  ~Forwarder();
  Forwarder(const Forwarder&) = delete;
  Forwarder& operator=(const Forwarder&) = delete;

  /// Goes on with other members. Those that stay keep what waits for them.
  void Adopt(const NotifyConfig& config);
  /// Alerts of own rules whose routes lead to a receiver with Alertmanagers; never waits.
  void Put(const std::vector<Alert>& alerts);
  /// Goes on sending what waits for at most `patience`, then ends the threads.
  void Stop(Millis patience);
  std::vector<QueueStatus> Status() const;

 private:
  struct Lane;

  void Start(Lane& lane);
  void Run(Lane& lane, const std::stop_token& stop);
  Notification Take(Lane& lane);
  void Settle(Lane& lane, Notification batch, const SendResult& sent);

  const DeliveryOptions options_;
  const Clock& clock_;
  Logger& logger_;
  prometheus::Registry& registry_;
  mutable std::mutex mutex_;  // guards everything below
  std::condition_variable_any changed_;
  std::minstd_rand random_;
  std::shared_ptr<const Route> route_;
  std::map<std::string, std::vector<Lane*>> by_receiver_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  std::vector<std::unique_ptr<Lane>> leaving_;  // configured no more; they end their requests
};

}  // namespace tierwatch
