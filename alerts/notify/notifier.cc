#include "alerts/notify/notifier.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace tierwatch {
namespace {

constexpr Millis kLongestWait{3'600'000};

}  // namespace

Notifier::Notifier(NotifyConfig config, std::string external_url, const Clock& clock,
                   Logger& logger, prometheus::Registry& registry, DeliveryOptions options)
    : config_(std::move(config)),
      clock_(clock),
      delivery_(config_, options, MakeMemoryOutbox(), clock, logger, registry),
      dispatcher_(config_, std::move(external_url), clock,
                  [this](const Notification& notification, const Integration& integration) {
                    delivery_.Add(notification.integration, notification.group_key,
                                  integration.Encode(notification));
                  }),
      thread_([this](const std::stop_token& stop) { Run(stop); }) {}

Notifier::~Notifier() { Stop(Millis{0}); }

void Notifier::Put(std::vector<Alert> alerts) {
  const std::lock_guard lock(mutex_);
  std::move(alerts.begin(), alerts.end(), std::back_inserter(inbox_));
  arrived_.notify_all();
}

void Notifier::Run(const std::stop_token& stop) {
  do {
    const SteadyTime due = dispatcher_.RunDue();
    const SteadyTime now = clock_.Steady();
    const Millis wait = due >= now + kLongestWait
                            ? kLongestWait
                            : std::chrono::ceil<Millis>(std::max(due, now) - now);
    std::vector<Alert> alerts;
    {
      std::unique_lock lock(mutex_);
      arrived_.wait_for(lock, stop, wait, [this] { return !inbox_.empty(); });
      alerts.swap(inbox_);
    }
    dispatcher_.Put(alerts);
  } while (!stop.stop_requested());
  // What was put before the end and is due at once is still owed.
  dispatcher_.RunDue();
}

void Notifier::Stop(Millis patience) {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
  delivery_.Drain(patience);
  delivery_.Stop();
}

}  // namespace tierwatch
