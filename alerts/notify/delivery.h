// Carries what is owed to its receivers: a queue and threads of its own for each, retries, order
// within a group.
#pragma once

#include <prometheus/registry.h>

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "alerts/notify/config.h"
#include "alerts/notify/ledger.h"
#include "alerts/notify/outbox.h"
#include "alerts/receivers/integration.h"
#include "base/log.h"
#include "base/metric.h"

namespace tierwatch {

/// What the table of metrics says of this folder's own instrumentation.
std::span<const MetricInfo> NotifyMetrics();

/// Why what is owed to a receiver that is gone has failed.
constexpr std::string_view kNotConfigured = "the receiver is no longer configured";

struct DeliveryOptions {
  Millis first_backoff{500};  // doubles with every attempt, half of it random
  Millis longest_backoff{60'000};
  Millis longest_retry_after{3'600'000};
  Millis absence{5'000};     // without a success; at the next one all that waits is tried at once
  std::size_t recent = 200;  // results that are kept to be shown
};

/// The wait after the failure that `attempts` failures came before.
Millis Backoff(const DeliveryOptions& options, int attempts, std::minstd_rand& random);

/// How it stands with one integration.
struct QueueStatus {
  std::string receiver;
  std::string queue;
  std::size_t pending = 0;
  std::optional<DeliveryResult> last;
};

/// What came of deliveries since it was last asked.
struct DeliveryNews {
  std::vector<std::pair<std::uint64_t, DeliveryResult>> ended;        // no longer owed
  std::vector<std::pair<std::string, std::string>> overdue;           // queue and group: fall back
  std::vector<std::pair<std::string, std::string>> refused;           // the same
  std::map<std::pair<std::string, std::string>, std::string> states;  // by queue and group
  std::vector<std::string> crowded;  // queues that may send one more and have more than that
};

/// Thread-safe. Starts its threads at once; Stop or destruction ends them within a moment, requests
/// included.
class Delivery {
 public:
  /// What is handed over must outlive it. Counters of every receiver are there at 0 from the start.
  /// `news` is called, from any thread, when TakeNews has something.
  Delivery(const NotifyConfig& config, DeliveryOptions options, const Clock& clock, Logger& logger,
           prometheus::Registry& registry, std::function<void()> news);
  ~Delivery();
  Delivery(const Delivery&) = delete;
  Delivery& operator=(const Delivery&) = delete;

  bool Knows(std::string_view queue) const;
  /// Goes on with other receivers. Queues that stay keep what they owe and try it at once, with
  /// their new settings; what those that go owe has failed. Requests under way end as they would;
  /// what they could not deliver goes on likewise. Gives the entries that are `withdrawn` from
  /// queues that stay, before any of them can be tried; see Outbox::WithdrawIf.
  std::vector<OutboxEntry> Adopt(const NotifyConfig& config,
                                 const std::function<bool(const OutboxEntry&)>& withdrawn);
  /// Owes entries of queues that are known, all at once.
  void Add(std::vector<OutboxEntry> entries);
  /// What integrations gave an earlier process to keep, by queue and group.
  void Restore(std::map<std::pair<std::string, std::string>, std::string> states);
  /// Entries that go on as part of another one; see Outbox.
  std::vector<OutboxEntry> Withdraw(const std::string& queue, const std::string& group_key);
  std::vector<OutboxEntry> WithdrawIf(const std::string& queue,
                                      const std::function<bool(const OutboxEntry&)>& wanted);
  /// Withdrawn ones did go on in another.
  void CountMerged(const std::vector<OutboxEntry>& merged);
  DeliveryNews TakeNews();
  /// True while anything is owed.
  bool Pending() const;

  /// Waits until nothing is owed, at most for `patience`. True where nothing is.
  bool Drain(Millis patience);
  /// What is still owed is told to the log.
  void Stop();

  std::vector<QueueStatus> Status() const;
  /// The newest first.
  std::vector<DeliveryResult> Recent() const;

 private:
  struct Instruments;
  struct Queue;

  void Start(Queue& queue);
  void Run(Queue& queue, const std::stop_token& stop);
  DeliveryResult Attempt(Integration& integration, Queue& queue, const OutboxEntry& entry,
                         const std::stop_token& stop, SendResult& sent);
  void Settle(Queue& queue, const OutboxEntry& entry, DeliveryResult result,
              const SendResult& sent);
  void End(Queue& queue, const OutboxEntry& entry, DeliveryResult result);
  void Drop(Queue& queue);
  void Show(DeliveryResult result, const OutboxEntry& entry, Queue& queue);
  void Log(const DeliveryResult& result, const OutboxEntry& entry);
  void Wait(std::unique_lock<std::mutex>& lock, Queue& queue, const std::stop_token& stop);
  SteadyTime Allowed(Queue& queue, SteadyTime now);
  std::string StateOf(const OutboxEntry& entry) const;
  void KeepState(const OutboxEntry& entry, const SendResult& sent);
  void FindOverdue();
  bool EndPatience(const OutboxEntry& entry);
  bool AllSettled() const;
  Queue* Find(std::string_view name) const;
  std::vector<OutboxEntry> Withdrawn(std::string_view queue, std::vector<OutboxEntry> entries);
  void Changed();

  const DeliveryOptions options_;
  const Clock& clock_;
  Logger& logger_;
  const std::unique_ptr<Instruments> instruments_;
  const std::function<void()> tell_news_;

  mutable std::mutex mutex_;  // guards everything below
  std::condition_variable_any changed_;
  std::uint64_t changes_ = 0;
  std::minstd_rand random_;
  Outbox outbox_;
  DeliveryNews news_;
  std::map<std::pair<std::string, std::string>, std::string> states_;  // of integrations, by group
  // What is owed and has a fallback that was not asked for yet: by when it will be, and id.
  std::map<std::pair<TimestampMs, std::uint64_t>, std::pair<std::string, std::string>> patience_;
  std::deque<DeliveryResult> recent_;
  std::vector<std::unique_ptr<Queue>> queues_;   // in the configuration's order
  std::vector<std::unique_ptr<Queue>> leaving_;  // configured no more; they end their requests
};

}  // namespace tierwatch
