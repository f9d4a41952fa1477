#include "alerts/notify/notifier.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "alerts/notify/merge.h"
#include "base/instruments.h"

namespace tierwatch {
namespace {

constexpr Millis kLongestWait{3'600'000};
constexpr Millis kPruneEvery{3'600'000};
constexpr Millis kLookAtPending{1'000};  // for what is overdue

}  // namespace

Notifier::Notifier(NotifyConfig config, std::string external_url, const Clock& clock,
                   Logger& logger, prometheus::Registry& registry, NotifierOptions options)
    : external_url_(std::move(external_url)),
      options_(std::move(options)),
      clock_(clock),
      logger_(logger),
      persisting_gauge_(GaugeFamily(NotifyMetrics()[4], registry).Add({})),
      database_failures_(CounterFamily(NotifyMetrics()[5], registry).Add({})),
      ledger_(options_.database_path, clock.Now(), options_.history),
      silences_(options_.database_path, logger),
      config_(std::make_shared<const NotifyConfig>(std::move(config))),
      delivery_(*config_, options_.delivery, clock, logger, registry,
                [this] {
                  const std::lock_guard lock(mutex_);
                  news_ = true;
                  arrived_.notify_all();
                }),
      forwarder_(*config_, options_.delivery, clock, logger, registry),
      dispatcher_(MakeDispatcher(*config_)),
      due_(clock.Steady()),
      retry_database_at_(clock.Steady()),
      prune_at_(clock.Steady()) {
  persisting_gauge_.Set(1);
  Restore();
  thread_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
}

Notifier::~Notifier() { Stop(Millis{0}); }

void Notifier::Restore() {
  std::vector<std::string> damaged;
  Result<LedgerContents> contents = ledger_.Load(damaged);
  if (!contents.ok()) {
    logger_.Error("what is owed could not be read", {{"error", contents.error().message}});
    database_failures_.Increment();
    return;
  }
  for (const std::string& what : damaged)
    logger_.Error("a record of the state database is damaged and left out", {{"error", what}});
  const SteadyTime now = clock_.Steady();
  std::vector<OutboxEntry> owed;
  for (OutboxEntry& entry : contents->owed) {
    entry.due = now;
    entry.uncertain = true;  // nobody knows how far the earlier process came
    entry.expires = now + std::min(Millis{entry.expires_at - clock_.Now()}, options_.expiry);
    DeliveryResult dropped{clock_.Now(),
                           entry.queue,
                           entry.group_key,
                           0,
                           Outcome::kFailed,
                           0,
                           std::string(kNotConfigured)};
    const std::uint64_t id = entry.id;
    if (delivery_.Knows(entry.queue)) {
      owed.push_back(std::move(entry));
      continue;
    }
    logger_.Error("notification dropped", {{"queue", dropped.queue}, {"reason", dropped.reason}});
    ledger_.Settle(id, std::move(dropped));
  }
  delivery_.Add(std::move(owed));
  contents->owed.clear();
  delivery_.Restore(std::move(contents->states));
  for (const auto& [group_key, alert] : contents->alerts) forwarder_.Put({alert});
  dispatcher_->Restore(*std::move(contents), options_.patience);
  shown_ = dispatcher_->Groups();
}

std::unique_ptr<Dispatcher> Notifier::MakeDispatcher(const NotifyConfig& config) {
  return std::make_unique<Dispatcher>(DispatcherParts{
      config, external_url_, clock_, ledger_,
      [this](Notification notification) { decided_.push_back(std::move(notification)); },
      [this](const Labels& labels) { return !silences_.Silencing(labels, clock_.Now()).empty(); }});
}

bool Notifier::Reconfigure(NotifyConfig config) {
  const auto next = std::make_shared<const NotifyConfig>(std::move(config));
  std::unique_lock lock(mutex_);
  if (next->source == config_->source) return false;
  next_config_ = next;
  arrived_.notify_all();
  arrived_.wait(lock, [this] { return next_config_ == nullptr; });
  return true;
}

// What is owed, but of alerts that other groups tell now.
std::vector<OutboxEntry> Notifier::Adopt(const NotifyConfig& config) {
  std::unique_ptr<Dispatcher> dispatcher = MakeDispatcher(config);
  const Dispatcher::Moved moved = dispatcher->TakeOver(std::move(*dispatcher_));
  dispatcher_ = std::move(dispatcher);
  forwarder_.Adopt(config);
  due_ = clock_.Steady();
  const std::vector<OutboxEntry> entries = delivery_.Adopt(config, [&](const OutboxEntry& entry) {
    const auto at = moved.lower_bound({entry.group_key, 0});
    return at != moved.end() && at->first == entry.group_key;
  });
  EndMerged(entries);
  std::vector<OutboxEntry> owed;
  for (OutboxEntry entry : entries) {
    const bool anything = LeaveOut(entry, [&](const Alert& alert) {
      return moved.contains({entry.group_key, alert.labels.Fingerprint()});
    });
    if (!anything) continue;
    Number(entry);
    owed.push_back(std::move(entry));
  }
  return owed;
}

void Notifier::Put(std::vector<Alert> alerts) {
  const std::lock_guard lock(mutex_);
  put_ += alerts.size();
  std::move(alerts.begin(), alerts.end(), std::back_inserter(inbox_));
  arrived_.notify_all();
}

Result<void> Notifier::Accept(std::vector<Alert> alerts, Millis patience) {
  std::unique_lock lock(mutex_);
  if (held_ + inbox_.size() + alerts.size() > options_.most_alerts)
    return Error{"there are too many alerts", Reason::kLimit};
  const std::uint64_t last = put_ += alerts.size();
  std::move(alerts.begin(), alerts.end(), std::back_inserter(inbox_));
  arrived_.notify_all();
  if (arrived_.wait_for(lock, patience, [&] { return committed_ >= last; })) return {};
  return Error{"the alerts could not be kept in time", Reason::kTimeout};
}

Millis Notifier::UntilNext() const {
  SteadyTime due = due_;
  const SteadyTime now = clock_.Steady();
  if (ledger_.dirty()) due = std::min(due, retry_database_at_);
  due = std::min(due, prune_at_);
  if (delivery_.Pending()) due = std::min(due, now + kLookAtPending);
  return due >= now + kLongestWait ? kLongestWait
                                   : std::chrono::ceil<Millis>(std::max(due, now) - now);
}

void Notifier::Run(const std::stop_token& stop) {
  do {
    std::vector<Alert> alerts;
    std::shared_ptr<const NotifyConfig> next;
    std::uint64_t last = 0;
    {
      const Millis wait = UntilNext();
      std::unique_lock lock(mutex_);
      arrived_.wait_for(lock, stop, wait,
                        [this] { return news_ || next_config_ || !inbox_.empty(); });
      alerts.swap(inbox_);
      next = next_config_;
      last = put_;
      news_ = false;
    }
    Turn(alerts, next ? Adopt(*next) : std::vector<OutboxEntry>());
    const std::lock_guard lock(mutex_);
    if (next) config_ = std::exchange(next_config_, nullptr);
    committed_ = last;
    arrived_.notify_all();
  } while (!stop.stop_requested());
}

// One turn is one transaction, however many alerts, decisions and results it takes up; nothing that
// it decides is sent before.
void Notifier::Turn(const std::vector<Alert>& alerts, std::vector<OutboxEntry> owed) {
  DeliveryNews news = delivery_.TakeNews();
  Settle(news);
  for (const auto& [queue, group_key] : news.refused) dispatcher_->FallBack(queue, group_key);
  for (const auto& [queue, group_key] : news.overdue) {
    dispatcher_->SetAway(queue, true);
    dispatcher_->FallBack(queue, group_key);
  }
  forwarder_.Put(alerts);
  dispatcher_->Put(alerts);
  if (!alerts.empty() || !news.overdue.empty() || !news.refused.empty() ||
      due_ <= clock_.Steady()) {
    due_ = dispatcher_->RunDue();
    const std::lock_guard lock(mutex_);
    held_ = dispatcher_->alert_count();
  }
  std::set<std::string> stale;
  for (Notification& notification : std::exchange(decided_, {}))
    owed.push_back(Owe(std::move(notification), stale));
  Commit();
  const bool told = !owed.empty();
  delivery_.Add(std::move(owed));
  std::vector<OutboxEntry> digests;
  for (const std::string& queue : stale)
    std::ranges::move(Fold(queue, false), std::back_inserter(digests));
  for (const std::string& queue : news.crowded)
    std::ranges::move(Fold(queue, true), std::back_inserter(digests));
  Commit();
  delivery_.Add(std::move(digests));
  if (clock_.Steady() >= prune_at_) Prune();
  const std::lock_guard lock(shown_mutex_);
  if (!alerts.empty() || told) shown_ = dispatcher_->Groups();
}

void Notifier::Settle(DeliveryNews& news) {
  for (auto& [id, result] : news.ended) {
    if (result.outcome == Outcome::kDelivered) dispatcher_->SetAway(result.queue, false);
    ledger_.Settle(id, std::move(result));
  }
  for (auto& [key, state] : news.states) ledger_.PutState(key.first, key.second, std::move(state));
}

OutboxEntry Notifier::Owe(Notification notification, std::set<std::string>& stale) {
  OutboxEntry entry;
  entry.queue = notification.integration;
  entry.group_key = notification.group_key;
  entry.first = notification.first;
  entry.notification = std::make_shared<const Notification>(std::move(notification));
  entry.owed_since = clock_.Now();
  const std::vector<OutboxEntry> older = delivery_.Withdraw(entry.queue, entry.group_key);
  TakeUp(entry, older);
  EndMerged(older);
  Number(entry);
  if (entry.stale()) stale.insert(entry.queue);
  return entry;
}

void Notifier::Number(OutboxEntry& entry) {
  entry.id = ledger_.NextId();
  entry.created_at = clock_.Now();
  entry.expires_at = entry.created_at + options_.expiry.count();
  entry.due = clock_.Steady();
  entry.expires = entry.due + options_.expiry;
  entry.idempotency_key = IdempotencyKey(entry);
  ledger_.PutOwed(entry);
}

void Notifier::EndMerged(const std::vector<OutboxEntry>& merged) {
  delivery_.CountMerged(merged);
  for (const OutboxEntry& entry : merged) {
    ledger_.Settle(entry.id, {clock_.Now(), entry.queue, entry.group_key, entry.attempts,
                              Outcome::kMerged, 0, "went on in a later notification"});
  }
}

// What a receiver can't be told one by one: pages that are over before it could be reached, or more
// than its limit allows (`all`).
std::vector<OutboxEntry> Notifier::Fold(const std::string& queue, bool all) {
  std::vector<OutboxEntry> entries =
      delivery_.WithdrawIf(queue, [all](const OutboxEntry& entry) { return all || entry.stale(); });
  if (entries.size() < 2) return entries;  // given back as it was
  std::vector<OutboxEntry> digests = MakeDigests(entries);
  EndMerged(entries);
  for (OutboxEntry& digest : digests) Number(digest);
  return digests;
}

void Notifier::Commit() {
  const SteadyTime now = clock_.Steady();
  if (!ledger_.dirty() || (!persisting_ && now < retry_database_at_)) return;
  const Result<void> done = ledger_.Commit();
  if (!done.ok()) {
    database_failures_.Increment();
    retry_database_at_ = now + options_.database_retry;
    if (persisting_)
      logger_.Error("the state database can't be written to; going on from memory",
                    {{"error", done.error().message}});
  } else if (!persisting_) {
    logger_.Info("the state database is written to again");
  }
  if (persisting_ != done.ok()) PageFault(done);
  persisting_ = done.ok();
  persisting_gauge_.Set(persisting_ ? 1 : 0);
}

// What is owed would die with this process: somebody must know, and not by a rule alone, which may
// not be there.
void Notifier::PageFault(const Result<void>& commit) {
  if (commit.ok()) {
    fault_.state = AlertState::kResolved;
    fault_.resolved_at = clock_.Now();
  } else {
    fault_ = Alert();
    fault_.labels = {{"alertname", "TierwatchStateNotWritten"}, {"severity", "critical"}};
    fault_.annotations = {{"summary",
                           "tierwatch can't write its state database: what it owes and knows of "
                           "alerts is in memory alone"},
                          {"error", commit.error().message}};
    fault_.state = AlertState::kFiring;
    fault_.fired_at = fault_.active_at = clock_.Now();
  }
  Put({fault_});
}

void Notifier::Prune() {
  prune_at_ = clock_.Steady() + kPruneEvery;
  const Result<void> done = ledger_.Prune(clock_.Now());
  if (done.ok()) return;
  database_failures_.Increment();
  logger_.Error("old notifications could not be removed", {{"error", done.error().message}});
}

void Notifier::Stop(Millis patience) {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
  {
    const std::lock_guard lock(mutex_);
    next_config_ = nullptr;
    arrived_.notify_all();
  }
  const SteadyTime end = clock_.Steady() + patience;
  delivery_.Drain(patience);
  forwarder_.Stop(std::max(Millis{0}, std::chrono::floor<Millis>(end - clock_.Steady())));
  delivery_.Stop();
  DeliveryNews news = delivery_.TakeNews();
  Settle(news);
  retry_database_at_ = clock_.Steady();
  Commit();
}

std::vector<std::string> Notifier::ReceiverNames() const {
  std::vector<std::string> names;
  for (const Receiver& receiver : config()->receivers) names.push_back(receiver.name);
  return names;
}

std::shared_ptr<const NotifyConfig> Notifier::config() const {
  const std::lock_guard lock(mutex_);
  return config_;
}

std::vector<Dispatcher::Shown> Notifier::Groups() const {
  const std::lock_guard lock(shown_mutex_);
  return shown_;
}

}  // namespace tierwatch
