// Tells people about alerts: the facade of this folder, and all of it that the process needs.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "alerts/notify/config.h"
#include "alerts/notify/delivery.h"
#include "alerts/notify/dispatcher.h"
#include "alerts/notify/forwarder.h"
#include "alerts/notify/ledger.h"
#include "alerts/notify/silences.h"

namespace tierwatch {

struct NotifierOptions {
  std::string database_path = ":memory:";
  Millis expiry{24 * 3'600'000};      // of what is owed
  Millis patience{15 * 60'000};       // after a start, until alerts that nobody puts count as ended
  Millis database_retry{5'000};       // after a failure
  std::size_t most_alerts = 200'000;  // beyond, none of other processes are accepted
  LedgerLimits history;
  DeliveryOptions delivery;
};

/// Thread-safe. Takes alerts in, groups them and delivers their notifications, on threads of its
/// own. What is decided is in the database before it is sent: a process that is killed at any
/// moment leaves to the next one what it owes. Without a working database it goes on from memory,
/// and says so by an alert of its own, TierwatchStateNotWritten.
class Notifier {
 public:
  /// `external_url` is where people find tierwatch. Clock, logger and registry must outlive it.
  Notifier(NotifyConfig config, std::string external_url, const Clock& clock, Logger& logger,
           prometheus::Registry& registry, NotifierOptions options = {});
  ~Notifier();
  Notifier(const Notifier&) = delete;
  Notifier& operator=(const Notifier&) = delete;

  /// Firing and resolved alerts, in the order of events; never waits for a receiver.
  void Put(std::vector<Alert> alerts);
  /// The same for alerts of other processes, and waits until they are in the database, or are known
  /// not to get there. Fails where that takes longer than `patience`, and where there are too many.
  Result<void> Accept(std::vector<Alert> alerts, Millis patience = Millis{10'000});
  /// Goes on under another configuration, from when it returns: as Alertmanager's reload, but that
  /// timers of groups go on. Silences and what was told stay. What is owed to a receiver that is
  /// still there goes to it with its new settings, at once; to one that is gone it has failed, and
  /// is shown so. False where nothing has changed, and nothing happens.
  bool Reconfigure(NotifyConfig config);
  /// Takes no more alerts, sends what is owed for at most `patience`, ends the threads. What is
  /// left is the next process's, where there is a database.
  void Stop(Millis patience = Millis{5'000});

  std::vector<QueueStatus> Status() const { return delivery_.Status(); }
  /// Of the Alertmanagers that alerts are passed on to.
  std::vector<QueueStatus> Forwarding() const { return forwarder_.Status(); }
  /// The last attempts, the newest first.
  std::vector<DeliveryResult> Recent() const { return delivery_.Recent(); }
  /// The last notifications, the newest first.
  Result<std::vector<NotificationRecord>> History(std::size_t limit) {
    return ledger_.History(limit);
  }
  /// Groups as of the last turn.
  std::vector<Dispatcher::Shown> Groups() const;
  Silences& silences() { return silences_; }
  std::vector<std::string> ReceiverNames() const;
  Millis resolve_timeout() const { return config()->resolve_timeout; }
  /// False while the database can't be written to.
  bool persisting() const { return persisting_; }

 private:
  void Restore();
  void Run(const std::stop_token& stop);
  void Settle(DeliveryNews& news);
  void Turn(const std::vector<Alert>& alerts, std::vector<OutboxEntry> owed);
  std::unique_ptr<Dispatcher> MakeDispatcher(const NotifyConfig& config);
  std::vector<OutboxEntry> Adopt(const NotifyConfig& config);
  std::shared_ptr<const NotifyConfig> config() const;
  OutboxEntry Owe(Notification notification, std::set<std::string>& stale);
  void Number(OutboxEntry& entry);
  void EndMerged(const std::vector<OutboxEntry>& merged);
  std::vector<OutboxEntry> Fold(const std::string& queue, bool all);
  void Commit();
  void PageFault(const Result<void>& commit);
  void Prune();
  Millis UntilNext() const;

  const std::string external_url_;
  const NotifierOptions options_;
  const Clock& clock_;
  Logger& logger_;
  prometheus::Gauge& persisting_gauge_;
  prometheus::Counter& database_failures_;
  Ledger ledger_;
  Silences silences_;

  mutable std::mutex mutex_;  // guards the inbox and which configuration holds
  std::condition_variable_any arrived_;
  std::shared_ptr<const NotifyConfig> config_;
  std::shared_ptr<const NotifyConfig> next_config_;  // null: the present one stays
  std::vector<Alert> inbox_;
  std::uint64_t put_ = 0;        // alerts that ever came into the inbox
  std::uint64_t committed_ = 0;  // of them, those whose turn is over
  std::size_t held_ = 0;         // alerts in groups, as of the last turn
  bool news_ = false;

  Delivery delivery_;
  Forwarder forwarder_;
  std::unique_ptr<Dispatcher> dispatcher_;  // the thread's alone, as all below
  std::vector<Notification> decided_;
  SteadyTime due_;
  SteadyTime retry_database_at_;
  SteadyTime prune_at_;
  std::atomic<bool> persisting_ = true;
  Alert fault_;                     // of the database, while it lasts
  mutable std::mutex shown_mutex_;  // guards what is shown of the groups
  std::vector<Dispatcher::Shown> shown_;
  std::jthread thread_;
};

}  // namespace tierwatch
