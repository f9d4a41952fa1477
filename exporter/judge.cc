#include "exporter/judge.h"

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <utility>

#include "alerts/rules/alert_database.h"
#include "base/instruments.h"

namespace tierwatch {
namespace {

using prometheus::MetricType;

constexpr Millis kLook{1'000};  // at the clock, and whether there is something to judge
constexpr Millis kTendEvery{30'000}, kPruneEvery{60'000};
constexpr Millis kSoon{20};
// Samples of a former process that end no longer ago leave no gap worth waiting for.
constexpr TimestampMs kNoGap = 60'000;
// Whoever sends samples by itself has noticed by then that it can again, and has scraped.
constexpr TimestampMs kSendersReturn = 60'000;
// A sample was stamped a moment ago; one that says otherwise was stamped before the clock was set.
constexpr TimestampMs kMoment = 1'000;
constexpr TimestampMs kEvaluationMargin = 30'000;

constexpr MetricInfo kJumps{"tierwatch_clock_jumps_total",
                            MetricType::Counter,
                            "Times that the machine's clock was set, or the machine slept; samples "
                            "and alerts were moved along.",
                            {"direction"}};
constexpr MetricInfo kSetAside{"tierwatch_state_database_set_aside_total", MetricType::Counter,
                               "State databases that were damaged and set aside at the start."};
constexpr MetricInfo kMetrics[] = {kJumps, kSetAside};

std::string InFolder(const std::string& folder, const char* file) {
  return folder.empty() ? "" : folder + "/" + file;
}

std::string StateDatabase(const std::string& folder) { return InFolder(folder, "state.db"); }

// All series' names, those of a histogram's parts included.
std::set<std::string> MetricNames(const Batch& batch) {
  std::set<std::string> names;
  for (const prometheus::MetricFamily& family : batch.families) {
    names.insert(family.name);
    if (family.type != MetricType::Histogram && family.type != MetricType::Summary) continue;
    for (const char* part : {"_bucket", "_sum", "_count"}) names.insert(family.name + part);
  }
  return names;
}

NotifierOptions NotifierOptionsFor(const Config& config) {
  NotifierOptions options;
  if (!config.storage_path.empty()) options.database_path = StateDatabase(config.storage_path);
  return options;
}

}  // namespace

std::span<const MetricInfo> JudgeMetrics() { return kMetrics; }

struct Judge::Instruments {
  explicit Instruments(prometheus::Registry& registry)
      : forward(CounterFamily(kJumps, registry).Add({{"direction", "forward"}})),
        back(CounterFamily(kJumps, registry).Add({{"direction", "back"}})),
        set_aside(CounterFamily(kSetAside, registry).Add({})) {}

  prometheus::Counter& forward;
  prometheus::Counter& back;
  prometheus::Counter& set_aside;
};

Judge::Judge(Config& config, Timeline& timeline, Logger& logger, prometheus::Registry& registry,
             std::function<bool()> ready)
    : timeline_(timeline),
      logger_(logger),
      ready_(std::move(ready)),
      instruments_(std::make_unique<Instruments>(registry)),
      store_({.self_labels = config.self_labels,
              .retention = config.retention,
              .max_bytes = config.max_bytes}),
      snapshots_(std::make_unique<SnapshotKeeper>(store_, InFolder(config.storage_path, "samples"),
                                                  logger, registry, timeline)),
      states_(OpenStates(config.storage_path)),
      notifier_(std::move(config.alerting), config.external_url, timeline, logger, registry,
                NotifierOptionsFor(config)),
      evaluator_(std::move(config.rules),
                 {.external_labels = config.external_labels,
                  .external_url = config.external_url,
                  .outage_counts = config.outage_counts},
                 {.questions = AskStanding(engine_, store_, timeline),
                  .query = MakeRuleQuery(engine_, store_),
                  .series = WriteTo(store_),
                  .alerts = [this](std::vector<Alert> alerts) { notifier_.Put(std::move(alerts)); },
                  .clock = timeline,
                  .logger = logger,
                  .registry = registry,
                  .states = states_.get()}) {
  evaluator_.Restore(SettledAt(config.remote_write));
  tending_ = std::jthread([this](const std::stop_token& stop) { Tend(stop); });
}

Judge::~Judge() { Stop(); }

void Judge::Stop() {
  if (!tending_.joinable()) return;
  tending_.request_stop();
  tending_.join();
  for (std::jthread& worker : workers_) worker.request_stop();
  workers_.clear();
  evaluator_.Tend();
  notifier_.Stop();
}

// A state that can't be kept must not keep anybody from being paged.
std::unique_ptr<AlertStore> Judge::OpenStates(const std::string& folder) {
  if (folder.empty()) return nullptr;
  std::string set_aside;
  Result<Database> database = OpenOrSetAside(StateDatabase(folder), timeline_.Now(), set_aside);
  if (!set_aside.empty()) {
    instruments_->set_aside.Increment();
    logger_.Error("the state database was damaged: alerts begin anew", {{"error", set_aside}});
  }
  Result<std::unique_ptr<AlertStore>> states =
      database.ok() ? MakeAlertDatabase(*std::move(database)) : std::move(database).error();
  if (states.ok()) return *std::move(states);
  logger_.Error("the state database can't be used: alerts will end with the process",
                {{"error", states.error().message}});
  return nullptr;
}

// From when on the windows of rules have no gap.
TimestampMs Judge::SettledAt(bool remote_write) const {
  const TimestampMs now = timeline_.Now(), newest = store_.NewestTime();
  if (newest >= now - kNoGap) return 0;
  return remote_write ? now + kSendersReturn : now;
}

void Judge::Append(const BatchPtr& batch) {
  {
    const std::shared_lock lock(stamping_);
    const TimestampMs now = timeline_.Now();
    if (std::abs(batch->time - now) <= kMoment) {
      store_.Append(*batch);
    } else {
      Batch stamped = *batch;
      stamped.time = now;
      store_.Append(stamped);
    }
  }
  if (batch->turned) evaluator_.InputChanged(MetricNames(*batch));
}

void Judge::Forget(std::string_view collector, const Labels& target_labels) {
  const std::shared_lock lock(stamping_);
  store_.Forget(collector, target_labels);
}

void Judge::FollowClock() {
  const Millis by = timeline_.Follow();
  if (by.count() == 0) return;
  (by.count() > 0 ? instruments_->forward : instruments_->back).Increment();
  logger_.Warn("the clock was set; samples and alerts are moved along", {{"by_ms", by.count()}});
  evaluator_.ShiftTime(by, [&] {
    const std::unique_lock lock(stamping_);
    store_.ShiftTimes(by);
    timeline_.Adopt();
  });
}

void Judge::Tend(const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  const auto pause = [&](Millis time) { wake.wait_for(lock, stop, time, [] { return false; }); };
  while (!stop.stop_requested() && !ready_()) pause(kSoon);
  if (stop.stop_requested()) return;
  for (int i = 0; i < kThreads; ++i)
    workers_.emplace_back([this](const std::stop_token& end) { evaluator_.Work(end); });
  SteadyTime tend_at = timeline_.Steady(), prune_at = tend_at + kPruneEvery;
  for (; !stop.stop_requested(); pause(kLook)) {
    FollowClock();
    const SteadyTime now = timeline_.Steady();
    if (now >= tend_at) {
      evaluator_.Tend();
      tend_at = now + kTendEvery;
    }
    if (now >= prune_at) {
      store_.Prune(timeline_.Now());
      prune_at = now + kPruneEvery;
    }
  }
}

std::string Judge::Ailment() const {
  if (!notifier_.persisting()) return "the state database can't be written to";
  const TimestampMs now = timeline_.Now();
  for (const GroupStatus& group : evaluator_.Groups()) {
    const TimestampMs late = 3 * group.interval.count() + kEvaluationMargin;
    // Before its first slot a group has had no reason to be evaluated.
    const TimestampMs last = std::max(group.last_evaluation, started_);
    if (now - last > late) return "the rule group " + group.name + " is not evaluated";
  }
  return "";
}

Result<promql::Vector> Judge::Instant(std::string_view expr, TimestampMs time) const {
  const Result<promql::ExprPtr> parsed = promql::Parse(expr);
  if (!parsed.ok()) return parsed.error();
  return MakeRuleQuery(engine_, store_)(*parsed, time);
}

Result<promql::Matrix> Judge::Range(std::string_view expr, TimestampMs start, TimestampMs end,
                                    Millis step) const {
  const Result<promql::ExprPtr> parsed = promql::Parse(expr);
  if (!parsed.ok()) return parsed.error();
  Result<promql::QueryResult> result = engine_.Range(*parsed, store_, start, end, step);
  if (!result.ok()) return std::move(result).error();
  if (auto* matrix = std::get_if<promql::Matrix>(&result->value)) return std::move(*matrix);
  return Error{"the expression gives no series"};
}

}  // namespace tierwatch
