// Carries what is owed to its receivers: a queue and threads of its own for each, retries, order
// within a group.
#pragma once

#include <prometheus/registry.h>

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <random>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "alerts/notify/config.h"
#include "alerts/notify/outbox.h"
#include "alerts/receivers/integration.h"
#include "base/log.h"
#include "base/metric.h"

namespace tierwatch {

/// What the table of metrics says of this folder's own instrumentation.
std::span<const MetricInfo> NotifyMetrics();

struct DeliveryOptions {
  Millis first_backoff{500};  // doubles with every attempt, half of it random
  Millis longest_backoff{60'000};
  Millis longest_retry_after{3'600'000};
  Millis expiry{24 * 3'600'000};
  int threads_per_queue = 2;  // requests to one integration at a time
  std::size_t recent = 200;   // results that are kept to be shown
};

/// One attempt.
struct DeliveryResult {
  TimestampMs at = 0;
  std::string queue;
  std::string group_key;
  int attempt = 1;
  Outcome outcome = Outcome::kDelivered;
  int status = 0;      // 0 without an answer
  std::string reason;  // "HTTP 503", "timed out after 10s"; never a URL
};

/// How it stands with one integration.
struct QueueStatus {
  std::string receiver;
  std::string queue;
  std::size_t pending = 0;
  std::optional<DeliveryResult> last;
};

/// A header value that is the same whenever the same notification is sent again.
std::string IdempotencyKey(std::string_view queue, std::string_view group_key,
                           TimestampMs created_at, std::string_view body);

/// Thread-safe. Starts its threads at once; Stop or destruction ends them within a moment, requests
/// included.
class Delivery {
 public:
  /// What is handed over must outlive it. Counters of every receiver are there at 0 from the start.
  Delivery(const NotifyConfig& config, DeliveryOptions options, std::unique_ptr<Outbox> outbox,
           const Clock& clock, Logger& logger, prometheus::Registry& registry);
  ~Delivery();
  Delivery(const Delivery&) = delete;
  Delivery& operator=(const Delivery&) = delete;

  /// Owes `body` to the integration `queue` ("on-call/webhook[0]").
  void Add(const std::string& queue, const std::string& group_key, std::string body);
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

  void Run(Queue& queue, const std::stop_token& stop);
  DeliveryResult Attempt(Queue& queue, const OutboxEntry& entry, const std::stop_token& stop,
                         SendResult& sent);
  void Settle(Queue& queue, const OutboxEntry& entry, DeliveryResult result,
              const SendResult& sent);
  void Log(const DeliveryResult& result, const OutboxEntry& entry);
  void Wait(std::unique_lock<std::mutex>& lock, const Queue& queue, const std::stop_token& stop);
  Millis Backoff(int attempts);
  void Changed();

  const DeliveryOptions options_;
  const Clock& clock_;
  Logger& logger_;
  const std::unique_ptr<Instruments> instruments_;

  mutable std::mutex mutex_;  // guards everything below
  std::condition_variable_any changed_;
  std::uint64_t changes_ = 0;
  std::minstd_rand random_;
  std::unique_ptr<Outbox> outbox_;
  std::deque<DeliveryResult> recent_;
  std::vector<std::unique_ptr<Queue>> queues_;
  std::vector<std::jthread> threads_;
};

}  // namespace tierwatch
