#include "alerts/notify/forwarder.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

namespace tierwatch {
namespace {

using prometheus::MetricType;

// An Alertmanager that was not told for so long has taken the alert for ended by itself.
constexpr TimestampMs kResolvedRetention = 15 * 60 * 1000;
constexpr Millis kLongestWait{3'600'000};

constexpr std::array<MetricInfo, 3> kMetrics{{
    {"tierwatch_forwarded_alerts_total",
     MetricType::Counter,
     "Alerts passed on to a member of an Alertmanager cluster: delivered, failed (refused for "
     "good) or expired before it could be reached.",
     {"receiver", "member", "outcome"}},
    {"tierwatch_forward_retries_total",
     MetricType::Counter,
     "Requests to a member of an Alertmanager cluster that failed and are made again.",
     {"receiver", "member"}},
    {"tierwatch_forward_pending_alerts",
     MetricType::Gauge,
     "Alerts that wait to be passed on to a member of an Alertmanager cluster.",
     {"receiver", "member"}},
}};

template <class Builder>
auto& Family(Builder builder, const MetricInfo& info, prometheus::Registry& registry) {
  return builder.Name(std::string(info.name)).Help(std::string(info.help)).Register(registry);
}

bool IsOutdated(const Alert& alert, TimestampMs now) {
  if (alert.state == AlertState::kResolved) return now - alert.resolved_at > kResolvedRetention;
  return alert.valid_until != 0 && alert.valid_until <= now;
}

}  // namespace

std::span<const MetricInfo> ForwarderMetrics() { return kMetrics; }

// One member.
struct Forwarder::Lane {
  Lane(std::shared_ptr<Integration> target, prometheus::Registry& registry)
      : member(std::move(target)), labels(Labels(*member)) {
    auto& alerts = Family(prometheus::BuildCounter(), kMetrics[0], registry);
    for (const Outcome outcome : {Outcome::kDelivered, Outcome::kFailed, Outcome::kExpired}) {
      prometheus::Labels all = labels;
      all["outcome"] = OutcomeName(outcome);
      outcomes[outcome] = &alerts.Add(all);
    }
    retries = &Family(prometheus::BuildCounter(), kMetrics[1], registry).Add(labels);
    waiting = &Family(prometheus::BuildGauge(), kMetrics[2], registry).Add(labels);
  }
  static prometheus::Labels Labels(const Integration& member) {
    return {{"receiver", member.receiver()},
            {"member", member.name().substr(member.receiver().size() + 1)}};
  }

  std::shared_ptr<Integration> member;  // another one after a reload
  const prometheus::Labels labels;
  std::map<Outcome, prometheus::Counter*> outcomes;
  prometheus::Counter* retries = nullptr;
  prometheus::Gauge* waiting = nullptr;
  std::map<tierwatch::Labels, Alert> pending;  // the newest state of each
  SteadyTime not_before = SteadyTime::min();
  int attempts = 0;  // that failed, one after the other
  bool sending = false;
  bool leaving = false;
  std::optional<DeliveryResult> last;
  std::jthread thread;  // last: it ends first
};

Forwarder::Forwarder(const NotifyConfig& config, const DeliveryOptions& options, const Clock& clock,
                     Logger& logger, prometheus::Registry& registry)
    : options_(options),
      clock_(clock),
      logger_(logger),
      registry_(registry),
      random_(std::random_device{}()) {
  Adopt(config);
}

void Forwarder::Adopt(const NotifyConfig& config) {
  std::vector<std::unique_ptr<Lane>> ended;  // outlives the lock, which their threads want
  const std::lock_guard lock(mutex_);
  route_ = config.route;
  by_receiver_.clear();
  std::vector<std::unique_ptr<Lane>> former = std::exchange(lanes_, {});
  for (const Receiver& receiver : config.receivers) {
    for (const auto& member : receiver.alertmanagers) {
      const auto at = std::ranges::find_if(
          former, [&](const auto& lane) { return lane && lane->member->name() == member->name(); });
      if (at == former.end()) {
        Start(*lanes_.emplace_back(std::make_unique<Lane>(member, registry_)));
      } else {
        Lane& lane = *lanes_.emplace_back(std::move(*at));
        lane.member = member;
        lane.not_before = SteadyTime::min();
      }
      by_receiver_[receiver.name].push_back(lanes_.back().get());
    }
  }
  for (std::unique_ptr<Lane>& lane : former) {
    if (!lane) continue;
    lane->leaving = true;
    lane->waiting->Set(0);
    leaving_.push_back(std::move(lane));
  }
  const auto idle =
      std::ranges::partition(leaving_, [](const auto& lane) { return lane->sending; });
  std::ranges::move(idle, std::back_inserter(ended));
  leaving_.erase(idle.begin(), idle.end());
  changed_.notify_all();
}

void Forwarder::Start(Lane& lane) {
  lane.thread = std::jthread([this, &lane](const std::stop_token& stop) { Run(lane, stop); });
}

Forwarder::~Forwarder() { Stop(Millis{0}); }

void Forwarder::Stop(Millis patience) {
  std::vector<std::unique_ptr<Lane>> ended;
  std::vector<std::jthread> threads;
  {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, patience, [this] {
      return std::ranges::all_of(
          lanes_, [](const auto& lane) { return lane->pending.empty() && !lane->sending; });
    });
    ended = std::exchange(leaving_, {});
    for (const std::unique_ptr<Lane>& lane : lanes_) threads.push_back(std::move(lane->thread));
  }
  for (std::jthread& thread : threads) thread.request_stop();
  threads.clear();
  for (const std::unique_ptr<Lane>& lane : lanes_) lane->waiting->Set(0);  // for a successor
}

void Forwarder::Put(const std::vector<Alert>& alerts) {
  const std::lock_guard lock(mutex_);
  if (lanes_.empty() || !route_) return;
  for (const Alert& alert : alerts) {
    if (alert.state != AlertState::kFiring && alert.state != AlertState::kResolved) continue;
    if (alert.ending != AlertEnding::kByRule) continue;  // two that tell each other would never end
    for (const Route* route : route_->Match(alert.labels)) {
      const auto at = by_receiver_.find(route->receiver);
      if (at == by_receiver_.end()) continue;
      for (Lane* lane : at->second) lane->pending.insert_or_assign(alert.labels, alert);
    }
  }
  for (const std::unique_ptr<Lane>& lane : lanes_)
    lane->waiting->Set(static_cast<double>(lane->pending.size()));
  changed_.notify_all();
}

void Forwarder::Run(Lane& lane, const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested() && !lane.leaving) {
    const SteadyTime now = clock_.Steady();
    const bool due = !lane.pending.empty() && lane.not_before <= now;
    if (!due) {
      const Millis wait =
          lane.pending.empty() ? kLongestWait : std::chrono::ceil<Millis>(lane.not_before - now);
      changed_.wait_for(lock, stop, wait, [&] {
        return lane.leaving || (!lane.pending.empty() && lane.not_before <= clock_.Steady());
      });
      continue;
    }
    Notification batch = Take(lane);
    if (batch.alerts.empty()) continue;
    lane.sending = true;
    const std::shared_ptr<Integration> member = lane.member;
    lock.unlock();
    const std::string body = member->Encode(batch);
    const SendResult sent = member->Send(body, {"", "", clock_.Now(), stop});
    lock.lock();
    lane.sending = false;
    if (!stop.stop_requested()) Settle(lane, std::move(batch), sent);
    changed_.notify_all();
  }
}

Notification Forwarder::Take(Lane& lane) {
  Notification batch;
  const TimestampMs now = clock_.Now();
  auto at = lane.pending.begin();
  for (; at != lane.pending.end() && batch.alerts.size() < kBatch; ++at) {
    if (IsOutdated(at->second, now)) {
      lane.outcomes[Outcome::kExpired]->Increment();
    } else {
      batch.alerts.push_back(std::move(at->second));
    }
  }
  lane.pending.erase(lane.pending.begin(), at);
  lane.waiting->Set(static_cast<double>(lane.pending.size()));
  return batch;
}

void Forwarder::Settle(Lane& lane, Notification batch, const SendResult& sent) {
  const std::string& name = lane.member->name();
  ++lane.attempts;
  lane.last =
      DeliveryResult{clock_.Now(), name, "", lane.attempts, sent.outcome, sent.status, sent.reason};
  if (sent.outcome != Outcome::kRetry) {
    lane.attempts = 0;
    lane.outcomes[sent.outcome]->Increment(static_cast<double>(batch.alerts.size()));
    if (sent.outcome == Outcome::kFailed)
      logger_.Error("alerts were refused by an Alertmanager",
                    {{"member", name}, {"alerts", batch.alerts.size()}, {"result", sent.reason}});
    return;
  }
  if (lane.attempts == 1)
    logger_.Warn("alerts can't be passed on to an Alertmanager; they wait",
                 {{"member", name}, {"result", sent.reason}});
  lane.retries->Increment();
  const Millis pause = std::min(sent.retry_after, options_.longest_retry_after);
  lane.not_before =
      clock_.Steady() + std::max(pause, Backoff(options_, lane.attempts - 1, random_));
  for (Alert& alert : batch.alerts) {
    tierwatch::Labels labels = alert.labels;
    lane.pending.try_emplace(std::move(labels), std::move(alert));  // unless a newer one came
  }
  lane.waiting->Set(static_cast<double>(lane.pending.size()));
}

std::vector<QueueStatus> Forwarder::Status() const {
  const std::lock_guard lock(mutex_);
  std::vector<QueueStatus> status;
  for (const std::unique_ptr<Lane>& lane : lanes_) {
    status.push_back(
        {lane->member->receiver(), lane->member->name(), lane->pending.size(), lane->last});
  }
  return status;
}

}  // namespace tierwatch
