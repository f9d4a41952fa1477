#include "alerts/notify/delivery.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <limits>
#include <utility>

#include "base/instruments.h"

namespace tierwatch {
namespace {

constexpr std::array<MetricInfo, 6> kMetrics{{
    {"tierwatch_notifications_total",
     prometheus::MetricType::Counter,
     "Notifications that left the outbox: delivered, failed (refused for good), expired, or merged "
     "into a later one.",
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
    {"tierwatch_notify_persisting",
     prometheus::MetricType::Gauge,
     "1 while what is owed is written to the state database before it is sent; 0 while that fails "
     "and it is in memory alone.",
     {}},
    {"tierwatch_notify_database_failures_total",
     prometheus::MetricType::Counter,
     "Reads and writes of the notifier's state database that failed.",
     {}},
}};
const prometheus::Histogram::BucketBoundaries kBuckets{0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
                                                       0.5,   1,    2.5,   5,    10,  30};

constexpr Millis kLongestWait{3'600'000};

// Until when an entry waits for its own receiver alone.
std::pair<TimestampMs, std::uint64_t> Patience(const OutboxEntry& entry) {
  return {entry.owed_since + entry.notification->fallback_after.count(), entry.id};
}

}  // namespace

struct Delivery::Instruments {
  explicit Instruments(prometheus::Registry& registry)
      : notifications(CounterFamily(kMetrics[0], registry)),
        retries(CounterFamily(kMetrics[1], registry)),
        durations(HistogramFamily(kMetrics[2], registry)),
        pending(GaugeFamily(kMetrics[3], registry)) {}

  prometheus::Family<prometheus::Counter>& notifications;
  prometheus::Family<prometheus::Counter>& retries;
  prometheus::Family<prometheus::Histogram>& durations;
  prometheus::Family<prometheus::Gauge>& pending;
};

// One integration of one receiver.
struct Delivery::Queue {
  Queue(const std::shared_ptr<Integration>& target, const Receiver& config,
        Instruments& instruments)
      : receiver(target->receiver()),
        name(target->name()),
        retries(instruments.retries.Add({{"receiver", receiver}})),
        duration(instruments.durations.Add({{"receiver", receiver}}, kBuckets)),
        pending(instruments.pending.Add({{"receiver", receiver}})) {
    Configure(target, config);
    for (const Outcome outcome :
         {Outcome::kDelivered, Outcome::kFailed, Outcome::kExpired, Outcome::kMerged}) {
      outcomes[static_cast<std::size_t>(outcome)] = &instruments.notifications.Add(
          {{"receiver", receiver}, {"outcome", std::string(OutcomeName(outcome))}});
    }
  }

  void Configure(std::shared_ptr<Integration> target, const Receiver& config) {
    integration = std::move(target);
    limit = config.rate_limit;
    limit_interval = config.rate_interval;
    concurrency = config.concurrency;
    paused_until = SteadyTime::min();
    failing_since.reset();
  }

  std::shared_ptr<Integration> integration;  // another one after a reload
  const std::string receiver;
  const std::string name;
  std::size_t limit = 0;  // 0 = none
  Millis limit_interval{0};
  int concurrency = 1;
  std::deque<SteadyTime> sent;  // the last `limit` requests
  std::array<prometheus::Counter*, 5> outcomes{};
  prometheus::Counter& retries;
  prometheus::Histogram& duration;
  prometheus::Gauge& pending;                   // shared by the receiver's integrations
  SteadyTime paused_until = SteadyTime::min();  // by Retry-After
  std::optional<SteadyTime> failing_since;      // nothing was taken since
  std::optional<DeliveryResult> last;
  bool leaving = false;
  int requests = 0;                   // under way
  std::vector<std::jthread> threads;  // at least `concurrency`; last: they end first
};

std::span<const MetricInfo> NotifyMetrics() { return kMetrics; }

Delivery::Delivery(const NotifyConfig& config, DeliveryOptions options, const Clock& clock,
                   Logger& logger, prometheus::Registry& registry, std::function<void()> news)
    : options_(options),
      clock_(clock),
      logger_(logger),
      instruments_(std::make_unique<Instruments>(registry)),
      tell_news_(std::move(news)),
      random_(std::random_device{}()) {
  Adopt(config, [](const OutboxEntry&) { return false; });
}

Delivery::~Delivery() { Stop(); }

std::vector<OutboxEntry> Delivery::Adopt(const NotifyConfig& config,
                                         const std::function<bool(const OutboxEntry&)>& withdrawn) {
  std::vector<OutboxEntry> entries;
  std::vector<std::unique_ptr<Queue>> ended;  // outlives the lock, which their threads want
  const std::lock_guard lock(mutex_);
  std::vector<std::unique_ptr<Queue>> former = std::exchange(queues_, {});
  for (const Receiver& receiver : config.receivers) {
    for (const auto& integration : receiver.integrations) {
      const auto at = std::ranges::find_if(
          former, [&](const auto& queue) { return queue && queue->name == integration->name(); });
      if (at == former.end()) {
        Start(*queues_.emplace_back(std::make_unique<Queue>(integration, receiver, *instruments_)));
      } else {
        queues_.emplace_back(std::move(*at))->Configure(integration, receiver);
        Start(*queues_.back());
        std::ranges::move(
            Withdrawn(integration->name(), outbox_.WithdrawIf(integration->name(), withdrawn)),
            std::back_inserter(entries));
        outbox_.Hasten(integration->name(), clock_.Steady());
      }
    }
  }
  for (std::unique_ptr<Queue>& queue : former) {
    if (!queue) continue;
    Drop(*queue);
    leaving_.push_back(std::move(queue));
  }
  const auto idle =
      std::ranges::partition(leaving_, [](const auto& queue) { return queue->requests > 0; });
  std::ranges::move(idle, std::back_inserter(ended));
  leaving_.erase(idle.begin(), idle.end());
  Changed();
  return entries;
}

void Delivery::Start(Queue& queue) {
  while (queue.threads.size() < static_cast<std::size_t>(queue.concurrency))
    queue.threads.emplace_back([this, &queue](const std::stop_token& stop) { Run(queue, stop); });
}

void Delivery::Drop(Queue& queue) {
  queue.leaving = true;
  for (const OutboxEntry& entry : outbox_.Clear(queue.name)) {
    End(queue, entry,
        {clock_.Now(), queue.name, entry.group_key, entry.attempts, Outcome::kFailed, 0,
         std::string(kNotConfigured)});
  }
}

void Delivery::Stop() {
  std::vector<std::unique_ptr<Queue>> ended;
  std::vector<std::jthread> threads;
  {
    const std::lock_guard lock(mutex_);
    ended = std::exchange(leaving_, {});
    for (const std::unique_ptr<Queue>& queue : queues_)
      std::ranges::move(std::exchange(queue->threads, {}), std::back_inserter(threads));
  }
  if (threads.empty()) return;
  for (std::jthread& thread : threads) thread.request_stop();
  threads.clear();
  ended.clear();
  const std::lock_guard lock(mutex_);
  for (const std::unique_ptr<Queue>& queue : queues_) {
    const std::size_t pending = outbox_.Pending(queue->name);
    if (pending == 0) continue;
    queue->pending.Decrement(static_cast<double>(pending));  // the registry may serve a successor
    logger_.Warn("notifications were not delivered before the end",
                 {{"queue", queue->name}, {"pending", pending}});
  }
}

Delivery::Queue* Delivery::Find(std::string_view name) const {
  const auto at = std::find_if(queues_.begin(), queues_.end(),
                               [&](const auto& queue) { return queue->name == name; });
  return at == queues_.end() ? nullptr : at->get();
}

bool Delivery::Knows(std::string_view queue) const {
  const std::lock_guard lock(mutex_);
  return Find(queue) != nullptr;
}

void Delivery::Add(std::vector<OutboxEntry> entries) {
  if (entries.empty()) return;
  const std::lock_guard lock(mutex_);
  for (OutboxEntry& entry : entries) {
    Find(entry.queue)->pending.Increment();
    if (entry.notification->fallback_after.count() > 0)
      patience_[Patience(entry)] = {entry.queue, entry.group_key};
    outbox_.Add(std::move(entry));
  }
  Changed();
}

std::vector<OutboxEntry> Delivery::Withdraw(const std::string& queue,
                                            const std::string& group_key) {
  const std::lock_guard lock(mutex_);
  return Withdrawn(queue, outbox_.Withdraw(queue, group_key));
}

std::vector<OutboxEntry> Delivery::WithdrawIf(
    const std::string& queue, const std::function<bool(const OutboxEntry&)>& wanted) {
  const std::lock_guard lock(mutex_);
  return Withdrawn(queue, outbox_.WithdrawIf(queue, wanted));
}

std::vector<OutboxEntry> Delivery::Withdrawn(std::string_view name,
                                             std::vector<OutboxEntry> entries) {
  if (entries.empty()) return entries;
  Find(name)->pending.Decrement(static_cast<double>(entries.size()));
  for (const OutboxEntry& entry : entries) EndPatience(entry);
  return entries;
}

void Delivery::CountMerged(const std::vector<OutboxEntry>& merged) {
  const std::lock_guard lock(mutex_);
  for (const OutboxEntry& entry : merged)
    Find(entry.queue)->outcomes[static_cast<std::size_t>(Outcome::kMerged)]->Increment();
}

void Delivery::Restore(std::map<std::pair<std::string, std::string>, std::string> states) {
  const std::lock_guard lock(mutex_);
  states_ = std::move(states);
}

std::string Delivery::StateOf(const OutboxEntry& entry) const {
  const std::lock_guard lock(mutex_);
  const auto at = states_.find({entry.queue, entry.group_key});
  return at == states_.end() ? "" : at->second;
}

// When nothing fires any more, the next incident is another one.
void Delivery::KeepState(const OutboxEntry& entry, const SendResult& sent) {
  if (sent.outcome != Outcome::kDelivered) return;
  const auto key = std::make_pair(entry.queue, entry.group_key);
  const auto& alerts = entry.notification->alerts;
  const bool fires = std::any_of(alerts.begin(), alerts.end(), [](const Alert& alert) {
    return alert.state == AlertState::kFiring;
  });
  if (fires && sent.state) {
    states_[key] = news_.states[key] = *sent.state;
  } else if (!fires && states_.erase(key) > 0) {
    news_.states[key] = "";
  }
}

DeliveryNews Delivery::TakeNews() {
  const std::lock_guard lock(mutex_);
  FindOverdue();
  return std::exchange(news_, {});
}

// Also what was never tried is overdue: it may stand behind requests that hang.
void Delivery::FindOverdue() {
  const auto end = patience_.upper_bound({clock_.Now(), std::numeric_limits<std::uint64_t>::max()});
  for (auto at = patience_.begin(); at != end; at = patience_.erase(at))
    news_.overdue.push_back(std::move(at->second));
}

// False where its fallback was asked for, or it has none.
bool Delivery::EndPatience(const OutboxEntry& entry) {
  return patience_.erase(Patience(entry)) > 0;
}

bool Delivery::Pending() const {
  const std::lock_guard lock(mutex_);
  return !AllSettled();
}

bool Delivery::AllSettled() const {
  return std::all_of(queues_.begin(), queues_.end(),
                     [this](const auto& queue) { return outbox_.Pending(queue->name) == 0; });
}

bool Delivery::Drain(Millis patience) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, patience, [this] { return AllSettled(); });
}

std::vector<QueueStatus> Delivery::Status() const {
  const std::lock_guard lock(mutex_);
  std::vector<QueueStatus> status;
  for (const std::unique_ptr<Queue>& queue : queues_) {
    status.push_back({queue->receiver, queue->name, outbox_.Pending(queue->name), queue->last});
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
  while (!stop.stop_requested() && !queue.leaving) {
    const SteadyTime now = clock_.Steady();
    std::optional<OutboxEntry> entry;
    if (now >= std::max(queue.paused_until, Allowed(queue, now)))
      entry = outbox_.Take(queue.name, now);
    if (!entry) {
      Wait(lock, queue, stop);
      continue;
    }
    if (queue.limit > 0) queue.sent.push_back(now);
    const std::shared_ptr<Integration> integration = queue.integration;
    ++queue.requests;
    lock.unlock();
    SendResult sent;
    DeliveryResult result = Attempt(*integration, queue, *entry, stop, sent);
    lock.lock();
    --queue.requests;
    if (stop.stop_requested() && result.outcome == Outcome::kRetry) {
      outbox_.Retry(entry->id, now, true);  // cut off by the end, not by the receiver
      break;
    }
    const bool renewed = integration != queue.integration;
    if (renewed) {  // what its former settings were answered says nothing of the present ones
      sent.retry_after = Millis{0};
      if (result.outcome == Outcome::kFailed) result.outcome = Outcome::kRetry;
    }
    if (result.outcome == Outcome::kRetry && Find(queue.name) == nullptr) {
      result.outcome = Outcome::kFailed;
      result.reason += fmt::format("; {}", kNotConfigured);
    }
    Settle(queue, *entry, std::move(result), sent);
    if (renewed) outbox_.Hasten(queue.name, clock_.Steady());
  }
}

// When the next request may be made. The last one that a limit allows speaks for all that wait: it
// is left until they are made into a digest.
SteadyTime Delivery::Allowed(Queue& queue, SteadyTime now) {
  if (queue.requests >= queue.concurrency) return SteadyTime::max();
  if (queue.limit == 0) return now;
  while (!queue.sent.empty() && queue.sent.front() + queue.limit_interval <= now)
    queue.sent.pop_front();
  if (queue.sent.size() >= queue.limit) return queue.sent.front() + queue.limit_interval;
  if (queue.sent.size() + 1 < queue.limit || outbox_.Foldable(queue.name) < 2) return now;
  if (std::find(news_.crowded.begin(), news_.crowded.end(), queue.name) == news_.crowded.end()) {
    news_.crowded.push_back(queue.name);
    tell_news_();
  }
  return SteadyTime::max();
}

void Delivery::Wait(std::unique_lock<std::mutex>& lock, Queue& queue, const std::stop_token& stop) {
  const SteadyTime now = clock_.Steady();
  const SteadyTime due =
      std::max({queue.paused_until, outbox_.NextDue(queue.name), Allowed(queue, now)});
  // Compared before it is subtracted: the ends of the scale have no difference.
  const Millis wait = due >= now + kLongestWait
                          ? kLongestWait
                          : std::chrono::ceil<Millis>(std::max(due, now) - now);
  changed_.wait_for(lock, stop, wait, [this, seen = changes_] { return changes_ != seen; });
}

DeliveryResult Delivery::Attempt(Integration& integration, Queue& queue, const OutboxEntry& entry,
                                 const std::stop_token& stop, SendResult& sent) {
  DeliveryResult result{
      clock_.Now(), queue.name, entry.group_key, entry.attempts + 1, Outcome::kRetry, 0, ""};
  if (clock_.Steady() >= entry.expires) {
    result.outcome = Outcome::kExpired;
    result.reason = "it was owed for too long";
    return result;
  }
  const SteadyTime start = clock_.Steady();
  const std::string body = integration.Encode(*entry.notification);
  sent = integration.Send(body, {entry.idempotency_key, StateOf(entry), clock_.Now(), stop});
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
    outbox_.Retry(entry.id,
                  std::min(now + Backoff(options_, entry.attempts, random_), entry.expires),
                  sent.may_have_arrived);
    queue.retries.Increment();
    if (!queue.failing_since) queue.failing_since = now;
    Show(std::move(result), entry, queue);
  } else {
    // It is back. One entry that fails while others get through is no reason to hurry it.
    if (queue.failing_since && now - *queue.failing_since >= options_.absence)
      outbox_.Hasten(queue.name, now);
    queue.failing_since.reset();
    outbox_.Remove(entry.id);
    KeepState(entry, sent);
    End(queue, entry, std::move(result));
  }
  Changed();
}

// It is out of the outbox.
void Delivery::End(Queue& queue, const OutboxEntry& entry, DeliveryResult result) {
  if (EndPatience(entry) && result.outcome != Outcome::kDelivered)
    news_.refused.emplace_back(entry.queue, entry.group_key);
  news_.ended.emplace_back(entry.id, result);
  tell_news_();
  queue.outcomes[static_cast<std::size_t>(result.outcome)]->Increment();
  queue.pending.Decrement();
  Show(std::move(result), entry, queue);
}

void Delivery::Show(DeliveryResult result, const OutboxEntry& entry, Queue& queue) {
  Log(result, entry);
  queue.last = result;
  recent_.push_front(std::move(result));
  if (recent_.size() > options_.recent) recent_.pop_back();
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
    case Outcome::kMerged:
      return;
  }
}

Millis Backoff(const DeliveryOptions& options, int attempts, std::minstd_rand& random) {
  const double full = std::min(
      static_cast<double>(options.longest_backoff.count()),
      static_cast<double>(options.first_backoff.count()) * std::exp2(std::min(attempts, 60)));
  return Millis{
      static_cast<Millis::rep>(full * std::uniform_real_distribution<double>(0.5, 1)(random))};
}

}  // namespace tierwatch
