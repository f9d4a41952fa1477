// Tells people about alerts: the facade of this folder, and all of it that the process needs.
#pragma once

#include <prometheus/registry.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "alerts/notify/config.h"
#include "alerts/notify/delivery.h"
#include "alerts/notify/dispatcher.h"

namespace tierwatch {

/// Thread-safe. Takes alerts in, groups them and delivers their notifications, on threads of its
/// own.
class Notifier {
 public:
  /// `external_url` is where people find tierwatch. Clock, logger and registry must outlive it.
  Notifier(NotifyConfig config, std::string external_url, const Clock& clock, Logger& logger,
           prometheus::Registry& registry, DeliveryOptions options = {});
  ~Notifier();
  Notifier(const Notifier&) = delete;
  Notifier& operator=(const Notifier&) = delete;

  /// Firing and resolved alerts, in the order of events; never waits for a receiver.
  void Put(std::vector<Alert> alerts);
  /// Takes no more alerts, sends what is owed for at most `patience`, ends the threads. Groups that
  /// still wait are left to the next start, when their alerts fire anew.
  void Stop(Millis patience = Millis{5'000});

  std::vector<QueueStatus> Status() const { return delivery_.Status(); }
  std::vector<DeliveryResult> Recent() const { return delivery_.Recent(); }

 private:
  void Run(const std::stop_token& stop);

  const NotifyConfig config_;
  const Clock& clock_;
  Delivery delivery_;
  Dispatcher dispatcher_;  // the thread's alone

  std::mutex mutex_;
  std::condition_variable_any arrived_;
  std::vector<Alert> inbox_;
  std::jthread thread_;
};

}  // namespace tierwatch
