#include "alerts/notify/delivery.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>

namespace tierwatch {
namespace {

constexpr std::array<MetricInfo, 4> kMetrics{{
    {"tierwatch_notifications_total",
     prometheus::MetricType::Counter,
     "Notifications that left the outbox: delivered, failed (refused for good) or expired.",
     {"receiver", "outcome"}},
    {"tierwatch_notification_retries_total",
     prometheus::MetricType::Counter,
     "Attempts to deliver a notification that failed and are made again.",
     {"receiver"}},
    {"tierwatch_notification_request_duration_seconds",
     prometheus::MetricType::Histogram,
     "Duration of requests to receivers, failed ones included.",
     {"receiver"}},
    {"tierwatch_outbox_pending",
     prometheus::MetricType::Gauge,
     "Notifications that are owed to a receiver.",
     {"receiver"}},
}};
const prometheus::Histogram::BucketBoundaries kBuckets{0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
                                                       0.5,   1,    2.5,   5,    10,  30};

constexpr Millis kLongestWait{3'600'000};

template <class Builder>
auto& Family(Builder builder, const MetricInfo& info, prometheus::Registry& registry) {
  return builder.Name(std::string(info.name)).Help(std::string(info.help)).Register(registry);
}

}  // namespace

struct Delivery::Instruments {
  explicit Instruments(prometheus::Registry& registry)
      : notifications(Family(prometheus::BuildCounter(), kMetrics[0], registry)),
        retries(Family(prometheus::BuildCounter(), kMetrics[1], registry)),
        durations(Family(prometheus::BuildHistogram(), kMetrics[2], registry)),
        pending(Family(prometheus::BuildGauge(), kMetrics[3], registry)) {}

  prometheus::Family<prometheus::Counter>& notifications;
  prometheus::Family<prometheus::Counter>& retries;
  prometheus::Family<prometheus::Histogram>& durations;
  prometheus::Family<prometheus::Gauge>& pending;
};

// One integration of one receiver.
struct Delivery::Queue {
  Queue(Integration& target, Instruments& instruments)
      : integration(target),
        receiver(target.receiver()),
        name(target.name()),
        retries(instruments.retries.Add({{"receiver", receiver}})),
        duration(instruments.durations.Add({{"receiver", receiver}}, kBuckets)),
        pending(instruments.pending.Add({{"receiver", receiver}})) {
    for (const Outcome outcome : {Outcome::kDelivered, Outcome::kFailed, Outcome::kExpired}) {
      outcomes[static_cast<std::size_t>(outcome)] = &instruments.notifications.Add(
          {{"receiver", receiver}, {"outcome", std::string(OutcomeName(outcome))}});
    }
  }

  Integration& integration;
  const std::string receiver;
  const std::string name;
  std::array<prometheus::Counter*, 4> outcomes{};
  prometheus::Counter& retries;
  prometheus::Histogram& duration;
  prometheus::Gauge& pending;                   // shared by the receiver's integrations
  SteadyTime paused_until = SteadyTime::min();  // by Retry-After
  std::optional<DeliveryResult> last;
};

std::span<const MetricInfo> NotifyMetrics() { return kMetrics; }

std::string IdempotencyKey(std::string_view queue, std::string_view group_key,
                           TimestampMs created_at, std::string_view body) {
  const std::string text = fmt::format("{}\n{}\n{}\n{}", queue, group_key, created_at, body);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  EVP_Digest(text.data(), text.size(), digest.data(), nullptr, EVP_sha256(), nullptr);
  std::string key;
  for (std::size_t i = 0; i < 16; ++i) key += fmt::format("{:02x}", digest[i]);
  return key;
}

Delivery::Delivery(const NotifyConfig& config, DeliveryOptions options,
                   std::unique_ptr<Outbox> outbox, const Clock& clock, Logger& logger,
                   prometheus::Registry& registry)
    : options_(options),
      clock_(clock),
      logger_(logger),
      instruments_(std::make_unique<Instruments>(registry)),
      random_(std::random_device{}()),
      outbox_(std::move(outbox)) {
  for (const Receiver& receiver : config.receivers) {
    for (const auto& integration : receiver.integrations)
      queues_.push_back(std::make_unique<Queue>(*integration, *instruments_));
  }
  for (const std::unique_ptr<Queue>& queue : queues_) {
    for (int i = 0; i < options_.threads_per_queue; ++i) {
      threads_.emplace_back(
          [this, &queue = *queue](const std::stop_token& stop) { Run(queue, stop); });
    }
  }
}

Delivery::~Delivery() { Stop(); }

void Delivery::Stop() {
  if (threads_.empty()) return;
  for (std::jthread& thread : threads_) thread.request_stop();
  threads_.clear();
  const std::lock_guard lock(mutex_);
  for (const std::unique_ptr<Queue>& queue : queues_) {
    const std::size_t pending = outbox_->Pending(queue->name);
    if (pending == 0) continue;
    queue->pending.Decrement(static_cast<double>(pending));  // the registry may serve a successor
    logger_.Error("notifications were not delivered before the end",
                  {{"queue", queue->name}, {"pending", pending}});
  }
}

void Delivery::Add(const std::string& queue, const std::string& group_key, std::string body) {
  OutboxEntry entry;
  entry.queue = queue;
  entry.group_key = group_key;
  entry.created_at = clock_.Now();
  entry.due = clock_.Steady();
  entry.expires = entry.due + options_.expiry;
  entry.idempotency_key = IdempotencyKey(queue, group_key, entry.created_at, body);
  entry.body = std::move(body);
  const std::lock_guard lock(mutex_);
  const auto at =
      std::find_if(queues_.begin(), queues_.end(), [&](const auto& q) { return q->name == queue; });
  assert(at != queues_.end());
  (*at)->pending.Increment();
  outbox_->Add(std::move(entry));
  Changed();
}

bool Delivery::Drain(Millis patience) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, patience, [this] {
    return std::all_of(queues_.begin(), queues_.end(),
                       [this](const auto& q) { return outbox_->Pending(q->name) == 0; });
  });
}

std::vector<QueueStatus> Delivery::Status() const {
  const std::lock_guard lock(mutex_);
  std::vector<QueueStatus> status;
  for (const std::unique_ptr<Queue>& queue : queues_) {
    status.push_back({queue->receiver, queue->name, outbox_->Pending(queue->name), queue->last});
  }
  return status;
}

std::vector<DeliveryResult> Delivery::Recent() const {
  const std::lock_guard lock(mutex_);
  return {recent_.begin(), recent_.end()};
}

void Delivery::Changed() {
  ++changes_;
  changed_.notify_all();
}

void Delivery::Run(Queue& queue, const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    const SteadyTime now = clock_.Steady();
    std::optional<OutboxEntry> entry;
    if (now >= queue.paused_until) entry = outbox_->Take(queue.name, now);
    if (!entry) {
      Wait(lock, queue, stop);
      continue;
    }
    lock.unlock();
    SendResult sent;
    DeliveryResult result = Attempt(queue, *entry, stop, sent);
    lock.lock();
    if (stop.stop_requested() && result.outcome == Outcome::kRetry) {
      outbox_->Retry(entry->id, now);  // cut off by the end, not by the receiver
      break;
    }
    Settle(queue, *entry, std::move(result), sent);
  }
}

void Delivery::Wait(std::unique_lock<std::mutex>& lock, const Queue& queue,
                    const std::stop_token& stop) {
  const SteadyTime due = std::max(queue.paused_until, outbox_->NextDue(queue.name));
  // Compared before it is subtracted: the ends of the scale have no difference.
  const SteadyTime now = clock_.Steady();
  const Millis wait = due >= now + kLongestWait
                          ? kLongestWait
                          : std::chrono::ceil<Millis>(std::max(due, now) - now);
  changed_.wait_for(lock, stop, wait, [this, seen = changes_] { return changes_ != seen; });
}

DeliveryResult Delivery::Attempt(Queue& queue, const OutboxEntry& entry,
                                 const std::stop_token& stop, SendResult& sent) {
  DeliveryResult result{
      clock_.Now(), queue.name, entry.group_key, entry.attempts + 1, Outcome::kRetry, 0, ""};
  if (clock_.Steady() >= entry.expires) {
    result.outcome = Outcome::kExpired;
    result.reason = "it was owed for too long";
    return result;
  }
  const SteadyTime start = clock_.Steady();
  sent = queue.integration.Send(entry.body, {entry.idempotency_key, "", clock_.Now(), stop});
  queue.duration.Observe(std::chrono::duration<double>(clock_.Steady() - start).count());
  result.outcome = sent.outcome;
  result.status = sent.status;
  result.reason = sent.reason;
  return result;
}

void Delivery::Settle(Queue& queue, const OutboxEntry& entry, DeliveryResult result,
                      const SendResult& sent) {
  const SteadyTime now = clock_.Steady();
  if (result.outcome == Outcome::kRetry) {
    // The receiver speaks for itself, not for one group: Retry-After holds for all that goes there.
    const Millis pause = std::min(sent.retry_after, options_.longest_retry_after);
    if (pause.count() > 0) queue.paused_until = std::max(queue.paused_until, now + pause);
    outbox_->Retry(entry.id, std::min(now + Backoff(entry.attempts), entry.expires));
    queue.retries.Increment();
  } else {
    outbox_->Remove(entry.id);
    queue.outcomes[static_cast<std::size_t>(result.outcome)]->Increment();
    queue.pending.Decrement();
  }
  Log(result, entry);
  queue.last = result;
  recent_.push_front(std::move(result));
  if (recent_.size() > options_.recent) recent_.pop_back();
  Changed();
}

void Delivery::Log(const DeliveryResult& result, const OutboxEntry& entry) {
  const auto write = [&](LogLevel level, std::string_view message) {
    logger_.Write(level, message,
                  {{"queue", result.queue},
                   {"group", result.group_key},
                   {"attempt", result.attempt},
                   {"result", result.reason},
                   {"key", entry.idempotency_key}});
  };
  switch (result.outcome) {
    case Outcome::kDelivered:
      return write(LogLevel::kInfo, "notification delivered");
    case Outcome::kRetry:
      return write(LogLevel::kWarn, "notification will be tried again");
    case Outcome::kFailed:
      return write(LogLevel::kError, "notification refused by its receiver");
    case Outcome::kExpired:
      return write(LogLevel::kError, "notification given up");
  }
}

Millis Delivery::Backoff(int attempts) {
  const double full = std::min(
      static_cast<double>(options_.longest_backoff.count()),
      static_cast<double>(options_.first_backoff.count()) * std::exp2(std::min(attempts, 60)));
  return Millis{
      static_cast<Millis::rep>(full * std::uniform_real_distribution<double>(0.5, 1)(random_))};
}

}  // namespace tierwatch
