#include "exporter/judge.h"

#include <algorithm>
#include <utility>

namespace tierwatch {
namespace {

constexpr Millis kPruneEvery{60'000};
constexpr TimestampMs kEvaluationMargin = 30'000;

NotifierOptions NotifierOptionsFor(const Config& config) {
  NotifierOptions options;
  if (!config.storage_path.empty()) options.database_path = config.storage_path + "/state.db";
  return options;
}

}  // namespace

Judge::Judge(Config& config, const Clock& clock, Logger& logger, prometheus::Registry& registry)
    : clock_(clock),
      store_({.self_labels = config.self_labels,
              .retention = config.retention,
              .max_bytes = config.max_bytes}),
      snapshots_(std::make_unique<SnapshotKeeper>(
          store_, config.storage_path.empty() ? "" : config.storage_path + "/samples", logger,
          registry, clock)),
      notifier_(std::move(config.alerting), config.external_url, clock, logger, registry,
                NotifierOptionsFor(config)),
      evaluator_(std::move(config.rules),
                 {.external_labels = config.external_labels, .external_url = config.external_url},
                 {.questions = AskStanding(engine_, store_, clock),
                  .query = MakeRuleQuery(engine_, store_),
                  .series = WriteTo(store_),
                  .alerts = [this](std::vector<Alert> alerts) { notifier_.Put(std::move(alerts)); },
                  .clock = clock,
                  .logger = logger,
                  .registry = registry}),
      thread_([this](const std::stop_token& stop) { Run(stop); }) {}

Judge::~Judge() {
  thread_.request_stop();
  thread_.join();
  notifier_.Stop();
}

void Judge::Run(const std::stop_token& stop) {
  SteadyTime prune_at = clock_.Steady() + kPruneEvery;
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    const SteadyTime next = std::min(evaluator_.RunDue(), prune_at);
    if (clock_.Steady() >= prune_at) {
      store_.Prune(clock_.Now());
      prune_at = clock_.Steady() + kPruneEvery;
    }
    wake_.wait_until(lock, stop, next, [] { return false; });
  }
}

std::string Judge::Ailment() const {
  if (!notifier_.persisting()) return "the state database can't be written to";
  const TimestampMs now = clock_.Now();
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
