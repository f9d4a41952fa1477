#include "exporter/runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <iterator>
#include <map>

namespace tierwatch {
namespace {

using prometheus::MetricType;

constexpr MetricInfo kUp{"tierwatch_target_up",
                         MetricType::Gauge,
                         "1 if the last sampling reached the target, else 0.",
                         {"collector"}};
constexpr MetricInfo kDuration{"tierwatch_target_sample_duration_seconds",
                               MetricType::Gauge,
                               "How long the last sampling of the target took.",
                               {"collector"}};
constexpr MetricInfo kLastSuccess{"tierwatch_target_last_success_timestamp_seconds",
                                  MetricType::Gauge,
                                  "When the target was last reached; absent if never.",
                                  {"collector"}};
constexpr MetricInfo kErrors{"tierwatch_target_errors_total",
                             MetricType::Counter,
                             "Errors of sampling the target, by reason.",
                             {"collector", "reason"}};
constexpr MetricInfo kSkipped{"tierwatch_target_skipped_samplings_total",
                              MetricType::Counter,
                              "Samplings left out because the one before still went on.",
                              {"collector"}};
constexpr MetricInfo kHangUps{"tierwatch_target_hang_ups_total",
                              MetricType::Counter,
                              "Times that the target closed a connection between samplings and "
                              "was sampled at once.",
                              {"collector"}};
constexpr MetricInfo kDropped{
    "tierwatch_target_dropped_series",
    MetricType::Gauge,
    "Series of the last sample that were left out because the target gave "
    "too many, or their labels were too long.",
    {"collector", "metric"}};
constexpr MetricInfo kMetrics[] = {kUp,      kDuration, kLastSuccess, kErrors,
                                   kSkipped, kHangUps,  kDropped};

constexpr Millis kAfterHangUp{1'000}, kAfterFalseAlarm{60'000};

constexpr Reason kReasons[] = {Reason::kOther,      Reason::kConnect, Reason::kAuth,
                               Reason::kTls,        Reason::kTimeout, Reason::kLock,
                               Reason::kPrivileges, Reason::kParse,   Reason::kLimit};
static_assert(static_cast<std::size_t>(Reason::kLimit) + 1 == std::size(kReasons));

double Seconds(SteadyTime::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

std::span<const MetricInfo> TargetMetrics() { return kMetrics; }

WatchedTarget WatchedTarget::Copy() const {
  return {collector, labels, interval, timeout, settings, entry, max_series, nullptr};
}

std::uint64_t WatchedTarget::Hash() const {
  Labels identity = labels;
  identity.Set("collector", collector);
  // FNV's low bits hang on the last bytes alone; a multiply and shift spreads targets that differ
  // by one digit.
  const std::uint64_t hash = identity.Fingerprint() * 0x9e3779b97f4a7c15ULL;
  return hash ^ (hash >> 32);
}

TargetRunner::TargetRunner(WatchedTarget target, const Clock& clock, std::vector<BatchSink> sinks,
                           Logger& logger)
    : target_(std::move(target)), clock_(clock), sinks_(std::move(sinks)), logger_(logger) {}

TargetRunner::~TargetRunner() {
  if (watch_ != nullptr) watch_->Forget(this);
}

void TargetRunner::WatchConnections(ConnectionWatch& watch,
                                    std::function<void(SteadyTime)> sample_at) {
  watch_ = &watch;
  sample_at_ = std::move(sample_at);
}

void TargetRunner::HungUp() {
  SteadyTime at;
  {
    const std::lock_guard lock(mutex_);
    hung_up_ = true;
    hang_ups_ += 1;
    at = std::max(clock_.Steady(), quiet_until_);
  }
  sample_at_(at);
}

void TargetRunner::Sample(std::stop_token stop) {
  const SteadyTime begin = clock_.Steady();
  SampleContext context{clock_, begin + target_.timeout, stop};
  if (watch_ != nullptr) {
    watch_->Forget(this);
    context.kept = [this](int socket) { watch_->Add(this, socket, [this] { HungUp(); }); };
  }
  tierwatch::Sample sample = Collect(context);
  if (stop.stop_requested()) return;  // cut short by us: it says nothing about the target
  const std::vector<DroppedFamily> dropped = Limit(sample);
  auto batch = std::make_shared<Batch>();
  batch->collector = target_.collector;
  batch->target_labels = target_.labels;
  batch->time = clock_.Now();
  batch->up = sample.up;
  const double seconds = Seconds(clock_.Steady() - begin);
  batch->turned = Record(sample, batch->time, seconds);
  batch->families = std::move(sample.families);
  AppendOwnFamilies(batch->families, seconds, dropped);
  for (const BatchSink& sink : sinks_) sink(batch);
  if (tell_members_) tell_members_(sample.members);
  LookAgain();
  if (batch->up) AfterSample(context);
}

std::vector<DroppedFamily> TargetRunner::Limit(tierwatch::Sample& sample) {
  std::vector<DroppedFamily> dropped = limit_.Apply(sample.families);
  for (const DroppedFamily& family : dropped) {
    sample.errors.push_back({fmt::format("{} series of {} are left out: at most {} series of a "
                                         "target are kept, and label values of {} bytes",
                                         family.series, family.name, target_.max_series,
                                         SeriesLimit::kLongestLabelValue),
                             Reason::kLimit});
  }
  return dropped;
}

void TargetRunner::LookAgain() {
  SteadyTime at;
  {
    const std::lock_guard lock(mutex_);
    if (!look_again_) return;
    at = quiet_until_;
  }
  sample_at_(at);
}

void TargetRunner::AfterSample(const SampleContext& context) {
  try {
    target_.source->AfterSample(context);
  } catch (const std::exception& error) {
    logger_.Warn("work after sampling failed", {{"collector", target_.collector},
                                                {"target", target_.labels.Get("target")},
                                                {"error", error.what()}});
  }
}

tierwatch::Sample TargetRunner::Collect(const SampleContext& context) {
  try {
    return target_.source->Collect(context);
  } catch (const std::exception& error) {
    return Sample::Down({std::string("exception: ") + error.what()});
  } catch (...) {
    return Sample::Down({"exception of an unknown kind"});
  }
}

bool TargetRunner::Record(const tierwatch::Sample& sample, TimestampMs now, double seconds) {
  const std::lock_guard lock(mutex_);
  const State before = state_;
  last_sampled_ = now;
  last_duration_seconds_ = seconds;
  for (const Error& error : sample.errors) {
    errors_by_reason_[static_cast<std::size_t>(error.reason)] += 1;
  }
  if (sample.up) last_success_ = now;
  TellChange(!sample.up              ? State::kDown
             : sample.errors.empty() ? State::kUp
                                     : State::kPartly,
             sample.errors);
  errors_ = sample.errors;
  if (sample.statement_texts) statement_texts_ = sample.statement_texts;
  const bool hung_up = std::exchange(hung_up_, false);
  if (hung_up)
    quiet_until_ = clock_.Steady() + (before == state_ ? kAfterFalseAlarm : kAfterHangUp);
  const bool again = std::exchange(look_again_, hung_up && before != state_);
  return hung_up || again || before == State::kNew ||
         (before == State::kDown) != (state_ == State::kDown);
}

void TargetRunner::AppendOwnFamilies(std::vector<prometheus::MetricFamily>& families,
                                     double seconds,
                                     const std::vector<DroppedFamily>& dropped) const {
  FamilySet own;
  const std::string_view collector = target_.collector;
  const std::lock_guard lock(mutex_);
  own.Add(kUp, {collector}, state_ == State::kDown ? 0 : 1);
  own.Add(kDuration, {collector}, seconds);
  if (last_success_ != 0) {
    own.Add(kLastSuccess, {collector}, static_cast<double>(last_success_) / 1000);
  }
  for (const Reason reason : kReasons) {
    own.Add(kErrors, {collector, ReasonName(reason)},
            errors_by_reason_[static_cast<std::size_t>(reason)]);
  }
  own.Add(kSkipped, {collector}, skipped_);
  own.Add(kHangUps, {collector}, hang_ups_);
  for (const DroppedFamily& family : dropped)
    own.Add(kDropped, {collector, family.name}, static_cast<double>(family.series));
  std::vector<prometheus::MetricFamily> made = std::move(own).Take();
  families.insert(families.end(), std::move_iterator(made.begin()), std::move_iterator(made.end()));
}

void TargetRunner::TellChange(State now, const std::vector<Error>& errors) {
  const State before = std::exchange(state_, now);
  if (before == now || (before == State::kNew && now == State::kUp)) return;
  const auto service = target_.labels.Get("service"), name = target_.labels.Get("target");
  const Error error = errors.empty() ? Error{} : errors.front();
  if (now == State::kUp) {
    logger_.Info("target is up again",
                 {{"collector", target_.collector}, {"service", service}, {"target", name}});
  } else {
    logger_.Warn(now == State::kDown ? "target is down" : "target answers in part",
                 {{"collector", target_.collector},
                  {"service", service},
                  {"target", name},
                  {"reason", ReasonName(error.reason)},
                  {"error", error.message}});
  }
}

void TargetRunner::CountSkipped() {
  const std::lock_guard lock(mutex_);
  skipped_ += 1;
}

TargetStatus TargetRunner::status() const {
  const std::lock_guard lock(mutex_);
  const bool up = state_ == State::kUp || state_ == State::kPartly;
  return {target_.collector, target_.labels,  state_ != State::kNew, up,
          last_success_,     errors_,         last_sampled_,         last_duration_seconds_,
          target_.interval,  target_.timeout, statement_texts_};
}

BatchPtr SampleSelf(std::span<const std::shared_ptr<const prometheus::Collectable>> registries,
                    const Clock& clock) {
  std::map<std::string, prometheus::MetricFamily> families;
  for (const auto& registry : registries) {
    for (prometheus::MetricFamily& family : registry->Collect()) {
      const auto [at, fresh] = families.try_emplace(family.name);
      if (fresh) {
        at->second = std::move(family);
      } else {
        auto& metrics = at->second.metric;
        metrics.insert(metrics.end(), std::move_iterator(family.metric.begin()),
                       std::move_iterator(family.metric.end()));
      }
    }
  }
  auto batch = std::make_shared<Batch>();
  batch->collector = "self";
  batch->time = clock.Now();
  batch->up = true;
  for (auto& [name, family] : families) batch->families.push_back(std::move(family));
  return batch;
}

}  // namespace tierwatch
